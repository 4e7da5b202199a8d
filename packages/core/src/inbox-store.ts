/** A message on its way into a group's work. `(group, id)` is processed once while the row is kept. */
export interface InboxEntry {
  readonly group: string
  /** Any text of 1 to 255 bytes, made by anybody: ours carry their moment, others may claim any. */
  readonly id: string
  /** Refuses what is older than the last of its key. */
  readonly guard?: SequenceGuard | undefined
}

export interface SequenceGuard {
  readonly producer: string
  readonly key: string
  /** Grows with each message of that producer and key. */
  readonly sequence: bigint
}

export type InboxVerdict =
  | { readonly kind: 'first' }
  /** It was processed. `reply`: what was stored with it. */
  | { readonly kind: 'duplicate'; readonly reply: Uint8Array | undefined }
  /** A later one of its key was processed already. Nothing was written for it. */
  | { readonly kind: 'stale'; readonly last: bigint }

export interface StoredReply {
  readonly group: string
  readonly id: string
  readonly reply: Uint8Array
}

/** The inbox within an open transaction. */
export interface TransactionInbox {
  /** As `begin` does, later: for what finds out within a transaction that it must happen once. */
  insert(entries: readonly InboxEntry[]): Promise<readonly InboxVerdict[]>
}

export interface InboxStore {
  /** Forgets what was processed longer ago than `keepMs`. Resolves with how many rows went, where that is known for free. */
  clean(keepMs: number): Promise<number | undefined>
}
