import type { Load } from './load.js'

export type BrokerName = 'rabbitmq' | 'kafka' | 'dispatch' | 'observe' | 'outbox' | 'saga' | 'harness'

/** One thing that is measured. `messages` is sized for rounds of two to four seconds. */
export interface Scenario {
  /** `observe` is RabbitMQ with somebody who looks, `outbox` with a PostgreSQL before it. `dispatch` has none: orders stay in the process, so what is seen is our own work alone. Nor has `harness`, where an order is a test of its own, and `saga`, which has a PostgreSQL and the broker in memory. */
  readonly broker: BrokerName
  readonly name: string
  readonly messages: number
  readonly work: Work
  /** Takes minutes to prepare, so it is played where it is named. */
  readonly isLong?: true
}

export type Work =
  /** Orders are sent and confirmed; the harness then reads them back from the broker. */
  | { readonly kind: 'publish'; readonly callers: number; readonly batch: number }
  /** Orders wait; they are parsed, handled and acknowledged. `keyedMs`: they have keys, and each takes its handler so long. */
  | { readonly kind: 'consume'; readonly keyedMs?: number }
  /** Sent and handled in the same process, as fast as the callers get answers. */
  | { readonly kind: 'through'; readonly callers: number; readonly batch: number }
  /** Bodies that are here already, so many at once, are parsed, checked, handled and settled. Of one at a time the latency is all that is done about it. */
  | { readonly kind: 'receive'; readonly chunk: number }
  /** Sent at a fixed rate and handled in the same process, whose clock stands in the payload. */
  | { readonly kind: 'latency'; readonly perSecond: number }
  /** So many callers ask, in the process that answers; each waits for its reply before it asks again. */
  | { readonly kind: 'ask'; readonly callers: number; readonly batch: 1 }
  /** Orders wait in the outbox, until the broker has confirmed each. */
  | { readonly kind: 'drain' }
  /** The same, of the first of so many that wait; from the first confirm on. */
  | { readonly kind: 'backlog'; readonly rows: number }
  /** Written at a fixed rate in transactions of the process that sends them on. What is measured runs from the commit to the broker's confirm. */
  | { readonly kind: 'relay'; readonly perSecond: number }
  /** Written at a fixed rate by a process beside the one that sends them on. Measured is the same. */
  | { readonly kind: 'relay-remote'; readonly perSecond: number }
  /** Orders that are here already are handled in a transaction each: an inbox row, an update, an outbox row. */
  | { readonly kind: 'handle'; readonly ahead: number }
  /** So many sagas at a time, of five steps each: an id is a step whose reply was taken. `open`: so many more wait for a reply that does not come. */
  | { readonly kind: 'steps'; readonly ahead: number; readonly open: number }
  /** Timers of sagas that are all due when the process begins to fire them; `armed`: so many more are due tomorrow. */
  | { readonly kind: 'timers'; readonly armed: number }
  /** So many timers a second become due. What is measured runs from there to the end of its saga, as its message says it. */
  | { readonly kind: 'lateness'; readonly armed: number; readonly perSecond: number }
  /** One process with so many listeners as there are messages, each in a group of its own, until all are attached; `again`: at a broker that has it all. */
  | { readonly kind: 'start'; readonly again: boolean }

export const prefetch = 100
export const partitions = 4
export const stepsOfSaga = 5
/** To the database, where transactions are measured. */
export const connections = 8

export const scenarios: readonly Scenario[] = [
  { broker: 'rabbitmq', name: 'publish', messages: 80_000, work: { kind: 'publish', callers: 256, batch: 1 } },
  { broker: 'rabbitmq', name: 'consume', messages: 60_000, work: { kind: 'consume' } },
  { broker: 'rabbitmq', name: 'latency', messages: 3_000, work: { kind: 'latency', perSecond: 1_000 } },
  { broker: 'rabbitmq', name: 'ask', messages: 20_000, work: { kind: 'ask', callers: 50, batch: 1 } },
  { broker: 'rabbitmq', name: 'start-300', messages: 300, work: { kind: 'start', again: false } },
  { broker: 'rabbitmq', name: 'start-300-again', messages: 300, work: { kind: 'start', again: true } },
  { broker: 'kafka', name: 'publish-awaited', messages: 40_000, work: { kind: 'publish', callers: 256, batch: 1 } },
  { broker: 'kafka', name: 'publish-100', messages: 150_000, work: { kind: 'publish', callers: 4, batch: 100 } },
  { broker: 'kafka', name: 'consume', messages: 200_000, work: { kind: 'consume' } },
  { broker: 'kafka', name: 'consume-16-keys', messages: 600, work: { kind: 'consume', keyedMs: 5 } },
  { broker: 'kafka', name: 'latency', messages: 3_000, work: { kind: 'latency', perSecond: 1_000 } },
  { broker: 'dispatch', name: 'receive', messages: 200_000, work: { kind: 'receive', chunk: 100 } },
  { broker: 'dispatch', name: 'receive-million', messages: 1_000_000, work: { kind: 'receive', chunk: 100 } },
  { broker: 'dispatch', name: 'receive-one', messages: 100_000, work: { kind: 'receive', chunk: 1 } },
  { broker: 'observe', name: 'consume', messages: 60_000, work: { kind: 'consume' } },
  { broker: 'outbox', name: 'write', messages: 12_000, work: { kind: 'publish', callers: connections, batch: 1 } },
  { broker: 'outbox', name: 'drain', messages: 40_000, work: { kind: 'drain' } },
  { broker: 'outbox', name: 'latency', messages: 6_000, work: { kind: 'relay', perSecond: 2_000 } },
  { broker: 'outbox', name: 'latency-remote', messages: 100, work: { kind: 'relay-remote', perSecond: 10 } },
  { broker: 'outbox', name: 'backlog-10-thousand', messages: 10_000, work: { kind: 'backlog', rows: 10_000 } },
  { broker: 'outbox', name: 'backlog-million', messages: 10_000, work: { kind: 'backlog', rows: 1_000_000 }, isLong: true },
  { broker: 'outbox', name: 'backlog-10-million', messages: 10_000, work: { kind: 'backlog', rows: 10_000_000 }, isLong: true },
  { broker: 'outbox', name: 'inbox/handle', messages: 10_000, work: { kind: 'handle', ahead: 200 } },
  { broker: 'saga', name: 'steps', messages: 8_000, work: { kind: 'steps', ahead: 40, open: 0 } },
  { broker: 'saga', name: 'steps-10000-open', messages: 8_000, work: { kind: 'steps', ahead: 40, open: 10_000 } },
  { broker: 'saga', name: 'timers', messages: 3_000, work: { kind: 'timers', armed: 100 } },
  { broker: 'saga', name: 'timers-100000', messages: 3_000, work: { kind: 'timers', armed: 100_000 } },
  { broker: 'saga', name: 'timers-late', messages: 600, work: { kind: 'lateness', armed: 10_000, perSecond: 200 } },
  { broker: 'dispatch', name: 'through', messages: 200_000, work: { kind: 'through', callers: 256, batch: 1 } },
  { broker: 'harness', name: 'tests', messages: 50, work: { kind: 'through', callers: 1, batch: 1 } },
]

export function labelOf(scenario: Scenario): string {
  return scenario.name.includes('/') ? scenario.name : `${scenario.broker}/${scenario.name}`
}

/** How orders get to where a consumer finds them, before the clocks start. */
export function fillLoad(broker: BrokerName, count: number): Load {
  if (broker === 'outbox') return { count, callers: 1, batch: 500 }

  return broker === 'kafka' ? { count, callers: 4, batch: 500 } : { count, callers: 256, batch: 1 }
}
