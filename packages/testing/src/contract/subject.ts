import type { ChannelOptions, Topology, Transport } from '@waybill/core'

/** What the author of an adapter gives to the contract: how to make the transport, and how to harm its connections. */
export interface ContractSubject {
  /** Stands in failures: `rabbitmq`. */
  readonly name: string

  /** A fresh transport, not connected, on the same broker each time. Its connections must be reachable by `cut`, `leave` and `slow`. */
  create(): Transport

  /** Breaks every open connection of the transports it created, as a network does: without a goodbye. New ones work at once. */
  cut(): Promise<void>

  /** The broker is out of reach: open connections break, new ones are refused, until `back`. */
  leave(): Promise<void>

  /** Ends what `leave` began. Harmless when nothing did. */
  back(): Promise<void>

  /** From now on each packet takes so much longer, each way; 0 ends it. Leave it out where there is no network. */
  slow?(latencyMs: number): void

  /** Removes from the broker what a case declared there. Leave it out where the broker is thrown away afterwards. */
  remove?(declared: readonly DeclaredTopology[]): Promise<void>

  /** A channel declared with the first and then with the second has two shapes. Default: a length limit on queues, 2 and 5 partitions on logs. */
  readonly shapes?: readonly [ChannelOptions, ChannelOptions]

  /** The longest that one step may take on this broker: a connect, a join, a delivery. Default: 10 s. */
  readonly patienceMs?: number
}

export interface DeclaredTopology {
  readonly namespace: string | undefined
  readonly app: string
  readonly topology: Topology
}
