import { type Fault, type PublishOutcome, type Runtime, unknownOptions } from '@waybill/core'
import type { BindingArguments, ExchangeKind } from './exchange.js'
import type { QueueArguments } from './rules.js'

export interface MemoryBrokerOptions {
  /** How many messages it holds in all its queues together. Default: 1,000,000. */
  readonly maxMessages?: number
  /** How many bytes of bodies and headers it holds. Default: 268,435,456 (256 MiB). */
  readonly maxBytes?: number
  /** Its time. Default: that of the app that connects first. */
  readonly runtime?: Runtime
  /** Keeps what it holds in a journal in this folder, which is made if it is missing. One broker at a time uses it. Default: nothing outlives the process. */
  readonly folder?: string
  /** When a publish is confirmed: `write`, once the system has it, or `always`, once the disk has it. Default: `write`. */
  readonly sync?: 'write' | 'always'
}

/**
 * An embedded broker that several apps of one process share: `memory({ broker })`.
 * A test provokes on it what a real one suffers; the apps live through it by themselves.
 */
export interface MemoryBroker {
  /** What is wrong with the options it was made with; an app that uses it reports these at `start`. */
  readonly faults: readonly Fault[]

  /** Every queue and what is in it, by name. A snapshot. */
  queues(): readonly QueueView[]

  /** Declares an exchange that belongs to no app. Throws `BrokerRefused` where one of another kind has that name. */
  exchange(name: string, kind: ExchangeKind): void
  /** Declares a queue that belongs to no app. Throws `BrokerRefused` where one with other arguments has that name. */
  queue(name: string, args?: QueueArguments): void
  /** Throws `BrokerRefused` where the queue or the exchange is missing. */
  bind(queue: string, exchange: string, key: string, args?: BindingArguments): void
  /** Publishes what a system without Waybill would. It is stored when this returns `confirmed`. */
  send(message: ForeignMessage): PublishOutcome

  /** Cuts the connections of one app, or all: unsettled deliveries return, unconfirmed publishes become `unknown`, apps connect again. */
  disconnect(app?: string): void
  /** Cuts every connection and takes no new one. What its queues hold stays. */
  stop(): void
  start(): void
  /** Stops and starts. Exchanges, queues and messages survive; the queues of replies end with their connections. */
  restart(): void
  /** Takes no publishes, as a real broker short of memory: what is sent meanwhile waits unconfirmed. Consumers go on. */
  block(): void
  unblock(): void
  /** Stores the next messages and never confirms them: they are `unknown` when their deadline passes or their connection ends. */
  loseConfirms(count?: number): void
  /** Stops for good; writes what is left and gives its folder free. Close the apps before. */
  close(): Promise<void>
}

/** What a queue holds at this moment. */
export interface QueueView {
  readonly name: string
  /** Ready for a consumer. */
  readonly waiting: number
  /** Not due yet. */
  readonly delayed: number
  /** Delivered, and neither acknowledged nor returned. */
  readonly unsettled: number
  readonly consumers: number
}

/** A message with nothing of Waybill about it, unless its headers say so. */
export interface ForeignMessage {
  /** Default: the default exchange, which leads to the queue that the routing key names. */
  readonly exchange?: string
  readonly routingKey: string
  readonly headers?: Readonly<Record<string, unknown>>
  readonly body: Uint8Array | string
  readonly contentType?: string
  readonly contentEncoding?: string
  readonly replyTo?: string
  readonly priority?: number
  readonly delayMs?: number
  readonly expiresMs?: number
}

export function faultsOfOptions(options: MemoryBrokerOptions): readonly Fault[] {
  const faults = unknownOptions('memoryBroker()', options, ['maxMessages', 'maxBytes', 'runtime', 'folder', 'sync'])
  for (const name of ['maxMessages', 'maxBytes'] as const) {
    const value = options[name]
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue
    faults.push({ code: 'MEMORY_BROKER_LIMIT', message: `memoryBroker() has the option "${name}": expected a whole number above 0, found ${JSON.stringify(value)}.` })
  }

  return Object.freeze([...faults, ...faultsOfFolder('memoryBroker()', options)])
}

export function faultsOfFolder(owner: string, { folder, sync }: { readonly folder?: unknown; readonly sync?: unknown }): readonly Fault[] {
  const faults: Fault[] = []
  const wrong = (option: string, text: string): void => void faults.push({ code: 'MEMORY_BROKER_FOLDER', message: `${owner} has the option "${option}": ${text}` })
  if (folder !== undefined && (typeof folder !== 'string' || folder === '')) wrong('folder', `expected the path of a folder, found ${JSON.stringify(folder)}.`)
  if (sync !== undefined && sync !== 'write' && sync !== 'always') wrong('sync', `expected "write" or "always", found ${JSON.stringify(sync)}.`)
  if (sync !== undefined && folder === undefined) wrong('sync', 'expected a "folder" beside it, found none; without one nothing is written. Add "folder", or leave "sync" out.')

  return faults
}
