import type { Load, SendReport } from './load.js'
import type { Work } from './scenario.js'

/**
 * What one contender file exports, function by function: how one client library does the work.
 * The harness does the rest: loads, clocks, ids, clean-up. Each contender runs in processes of its own.
 */
export interface Contender {
  /** What `declare` leaves at the broker: for the check of ids, and for the clean-up. */
  footprint(room: Room): Footprint
  /** Makes what a round needs, so that a message published now is kept until a consumer comes. */
  declare(room: Room): Promise<void>
  openPublisher(room: Room): Promise<BenchPublisher>
  /** Resolves when the broker will deliver. Each order is acknowledged after `handle` returned. */
  openConsumer(room: Room, handle: Handle): Promise<Closable>
  /** Where no broker stands between: takes bodies as a socket would hand them over, and checks each order against its schema. */
  openReceiver?(room: Room, handle: Handle): Promise<Receiver>
  /** Sends on what waits in the outbox, and what its own `send` writes there; `confirmed` is called when the broker has an order. */
  openRelay?(room: Room, confirmed: (id: number) => void): Promise<BenchPublisher>
  /** Writes so many orders into the outbox at once, without the clocks. */
  fill?(room: Room, count: number): Promise<void>
  /** Takes bodies and handles each in a transaction: an inbox row, an update, an outbox row. */
  openHandler?(room: Room, handle: Handle): Promise<Receiver>
  /** Runs sagas of five steps, each with its time; `taken` is called with `saga * 5 + step` when the reply of a step was taken. */
  openSagas?(room: Room, taken: (id: number) => void): Promise<SagaStarter>
  /** Leaves sagas that wait for a reply, and their timers, as if they had been started; without it nothing waits beside what is measured. */
  leaveOpen?(room: Room, waiting: readonly WaitingSaga[]): Promise<void>
  /** Fires the timers of those sagas; `fired` is called with the number of a saga that ended by its timer, when its message says so. */
  openTimers?(room: Room, fired: (saga: number) => void): Promise<Closable>
  /** Answers each order that is asked about; `handle` sees it first. Without it the contender does not play where orders are asked about. */
  openResponder?(room: Room, handle: Handle): Promise<Closable>
  /** Its `send` asks, and is done when the reply is there. */
  openAsker?(room: Room): Promise<BenchPublisher>
  /** Begins a listener in each of `room.groups` groups, queues and all. Resolves when the broker will deliver to each. */
  openGroups?(room: Room): Promise<Closable>
  /** The process that does the work, where it is not the one that loads this file: its time and its memory count as well. */
  worksIn?(): number | undefined
  /** What the library cannot do in such a scenario, or not as the others do. It stands below the table. */
  readonly remarks?: Partial<Record<Work['kind'], string>>
}

/** Where one round takes place. Nothing that a round makes at the broker has a name without its id in front. */
export interface Room {
  readonly id: string
  /** An AMQP URL, or Kafka's addresses with commas between. */
  readonly url: string
  /** At most so many unacknowledged orders, where the broker has such a window. */
  readonly prefetch: number
  /** Of a log's topic. */
  readonly partitions: number
  /** So many groups of one listener, where those are what is measured; else none. */
  readonly groups: number
  /** Where orders have keys, all in one partition: so long each is handled. */
  readonly keyedMs: number | undefined
}

export interface Footprint {
  /** The queue or topic in which published orders wait. */
  readonly store: string
  readonly queues?: readonly string[]
  readonly exchanges?: readonly string[]
}

export interface BenchPublisher extends Closable {
  /** Sends one order; `done` is called once, when the broker has it or with what went wrong. */
  send(order: Order, done: Done): void
  /** The same for many at once, where the library has a way to say so. */
  sendBatch?(orders: readonly Order[], done: Done): void
  /** The whole load, where the callers too are in another process: what takes an order there must not count. */
  sendAll?(load: Load): Promise<SendReport>
}

export interface Receiver extends Closable {
  /** Returns at once; the orders are handled when this turn is over, as fast as it goes. */
  receive(bodies: readonly Buffer[]): void
  /** How much of the time was parsing, the schema and the handler, since the beginning; where it has clocks there. Latencies leave that out. */
  theirsMs?(): number
}

export interface SagaStarter extends Closable {
  start(saga: number): void
}

/** Its timer is due at that moment, in ms since the epoch. */
export interface WaitingSaga {
  readonly saga: number
  readonly dueAt: number
}

export interface Closable {
  close(): Promise<void>
}

/** An `error` of null or undefined is success, so that a driver's own callback can be handed in. */
export type Done = (error?: unknown) => void

export type Handle = (order: Order) => void

/** The payload: about 1 KiB as JSON. */
export interface Order {
  readonly id: number
  /** When it was sent, on the clock of its process. */
  readonly at: number
  readonly customer: string
  readonly lines: readonly OrderLine[]
}

export interface OrderLine {
  readonly sku: string
  readonly quantity: number
  readonly price: number
}
