import type { Filed } from '../journal/live.js'

/** One message as the broker keeps it: bytes, a header block, and where it was sent to. Never changed once it is stored. */
export interface Message {
  readonly exchange: string
  readonly routingKey: string
  /** Without a prototype. */
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly replyTo: string | undefined
  /** Nobody there is `unroutable`. */
  readonly mandatory: boolean
  /** 0 is the least. */
  readonly priority: number
  readonly delayMs: number | undefined
  readonly expiresMs: number | undefined
}

/** The queue of an entry, as far as whoever holds the entry needs it. */
export interface Home {
  readonly name: string
  /** It is done: forgotten for good. */
  forget(entry: Entry): void
  /** It was to be delivered and was not: nobody saw it. */
  uncount(entry: Entry): void
  /** They go to where they stood, to be delivered again. */
  takeBack(entries: readonly Entry[]): void
  /** A new entry gets its place once it is written, */
  place(entry: Entry): void
  /** or none, where it could not be. */
  turnAway(entry: Entry): void
  /** The place behind all others. */
  nextSequence(): number
}

/** A message in one queue. A message that went to three queues has three. */
export class Entry {
  /** Its place in the queue, for good: what returns goes where it was. */
  sequence = unplaced
  /** How often it was delivered, the delivery under way included. */
  deliveries = 0
  /** Its place among the unsettled of the channel that holds it. */
  slot = -1
  /** Where the journal has it. */
  filed: Filed | undefined

  constructor(
    readonly home: Home,
    readonly message: Message,
    /** Of body and headers. */
    readonly bytes: number,
    /** Milliseconds since the epoch. */
    readonly storedAt: number,
    readonly expiresAt: number | undefined,
    /** Nobody gets it before; undefined where it need not wait. */
    readonly dueAt: number | undefined,
  ) {}
}

/** The sequence of what waits to be due. */
export const unplaced = -1
