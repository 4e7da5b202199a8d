/**
 * A message that waits in the store for its broker. The store reads `shard` and `key`; everything else it keeps as it is. What `head` says is core's affair.
 */
export interface OutboxMessage {
  readonly id: string
  /** Rows of one shard go out in their order, by one relay at a time. A short name out of few: a transport of the app. */
  readonly shard: string
  readonly key: string | undefined
  /** For people and lists: the channel. */
  readonly destination: string
  /** Envelope, headers and options, as text. */
  readonly head: string
  readonly body: Uint8Array
  /** Not delivered after that moment, in ms since the epoch. */
  readonly expiresAt: number | undefined
}

/** A message with its place in the shard. */
export interface OutboxRow extends OutboxMessage {
  /** Grows; the order of a key. */
  readonly seq: bigint
  /** When it was written, in ms since the epoch, on the store's clock. */
  readonly storedAt: number
}

/** The right to publish a shard's rows. Another epoch means that another process took it over. */
export interface Lease {
  readonly shard: string
  readonly owner: string
  readonly epoch: bigint
}

export interface OutboxPage {
  readonly rows: readonly OutboxRow[]
  /** Where it ends: the store's own, for `after` and `advance`. */
  readonly cursor: unknown
  /** Nothing that can be seen now follows. */
  readonly isLast: boolean
  /** An operator stopped this shard; there are no rows then. */
  readonly isPaused: boolean
}

export interface PageRequest {
  readonly rows: number
  /** Of bodies and heads together; a page has at least one row. */
  readonly bytes: number
  /** Reads on behind a page that was read and not yet advanced over; undefined: behind the last advance. */
  readonly after: OutboxPage | undefined
}

/** A row that cannot be sent, kept beside the outbox: with its key, so that later ones of that key follow it there. */
export interface Parking {
  readonly row: OutboxRow
  /** Stable: `UNROUTABLE`, `TOO_LARGE`; `BEHIND` for one that only follows an earlier one of its key. */
  readonly code: string
  readonly reason: string
}

export interface ParkedMessage extends OutboxRow {
  readonly code: string
  readonly reason: string
  readonly parkedAt: number
  /** An operator wants it tried again. */
  readonly isRetried: boolean
}

/** Which parked ones; what is left out does not matter. */
export interface ParkedFilter {
  readonly shard?: string | undefined
  readonly ids?: readonly string[] | undefined
  readonly key?: string | undefined
  readonly code?: string | undefined
}

export interface Progress {
  readonly page: OutboxPage
  /** How many rows of the page, from its first, are dealt with: confirmed or parked. Fewer than all: the next page begins at the first that is not. */
  readonly done: number
  /** Those among them that could not be sent. */
  readonly parked: readonly Parking[]
}

export interface ShardStatus {
  readonly shard: string
  /** Rows that no relay has got over yet. Of many an estimate: to ask costs little, however many there are. */
  readonly pending: number
  /** Of the oldest of them; undefined where there is none. */
  readonly oldestMs: number | undefined
  readonly parked: number
  readonly isPaused: boolean
  /** Who publishes it; undefined where no lease is valid. */
  readonly owner: string | undefined
  /** How often its relay has changed. */
  readonly epoch: number
}

/**
 * The rows that wait for a broker. Guarantees to the relay above: every committed row is in exactly one page that is advanced over, however long
 * its transaction was open beside others; rows of one key come in the order in which their transactions ended; what was advanced over does not come again.
 */
export interface OutboxStore {
  /** Writes messages outside a transaction of the user's. */
  append(messages: readonly OutboxMessage[]): Promise<void>

  /** Takes a shard's lease for `ttlMs` where nobody has one or the last has expired, on the store's clock. Undefined: somebody else has it. */
  lease(shard: string, owner: string, ttlMs: number): Promise<Lease | undefined>
  /** False: somebody else has it now. */
  renew(lease: Lease, ttlMs: number): Promise<boolean>
  /** Gives it back, so that a standby need not wait. */
  release(lease: Lease): Promise<void>

  /** The next rows of the shard, in order, from 500 to 2,000 at a time. */
  page(lease: Lease, request: PageRequest): Promise<OutboxPage>
  /** Notes what is dealt with, and parks, in one transaction. False: the lease is another's, and nothing was noted. */
  advance(lease: Lease, progress: Progress): Promise<boolean>

  /** The keys of a shard of which something is parked: what the relay does not send while they are. */
  parkedKeys(shard: string): Promise<readonly string[]>
  /**
   * Parked ones that may go now, in order: with `isRetried`, those behind one with it, and those that are `BEHIND` nothing any more. Of a key only a contiguous
   * line from its first.
   */
  released(lease: Lease, limit: number): Promise<readonly ParkedMessage[]>
  /** Notes that parked ones were sent (they are gone) or failed again (they are parked as given, no longer retried). False: the lease is another's. */
  unpark(lease: Lease, sent: readonly bigint[], failed: readonly Parking[]): Promise<boolean>

  /** Lists parked ones, in order. */
  parked(filter: ParkedFilter, limit: number): Promise<readonly ParkedMessage[]>
  /** Marks them to be tried again; resolves with how many. */
  retry(filter: ParkedFilter): Promise<number>
  /** Puts another head or body in place of a parked one's. False: it is not there. */
  edit(shard: string, seq: bigint, changed: { readonly head?: string | undefined; readonly body?: Uint8Array | undefined }): Promise<boolean>
  /** Removes parked ones for good; resolves with them. */
  discard(filter: ParkedFilter): Promise<readonly ParkedMessage[]>

  /** Stops a shard, or lets it go on, whoever has its lease. */
  pause(shard: string, isPaused: boolean): Promise<void>
  /** Begins anew in a database that was restored or moved: every row that is still there is pending again. */
  rebase(shard: string): Promise<void>
  /** Removes what every relay is over, never anything else. Resolves with how many rows went, where that is known for free. */
  clean(): Promise<number | undefined>
  /** Of these shards, known to the database or not. */
  status(shards: readonly string[]): Promise<readonly ShardStatus[]>

  /** Tells other processes that something was committed for these shards; called at most every 10 ms, never within a transaction. */
  announce(shards: readonly string[]): Promise<void>
  /** Calls back when another process announces. The returned function ends it. A store that cannot tell never calls: polling finds all. */
  watch(heard: (shard: string) => void): () => void
}
