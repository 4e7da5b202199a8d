import type { InboxVerdict } from './inbox-store.js'
import type { Job } from './job.js'
import { outboxMessageOf, outgoingOf, packed, unpacked } from './outbox-message.js'
import type { Outgoing } from './transport.js'

/** What a query was answered with, as it is kept with the inbox. It stands in place of what the listener returned. */
export class StoredAnswer {
  /** Undefined: somebody else asked this, or nothing was kept of it. */
  readonly outgoing: Outgoing | undefined
  readonly bytes: Uint8Array

  private constructor(outgoing: Outgoing | undefined, bytes: Uint8Array) {
    this.outgoing = outgoing
    this.bytes = bytes
  }

  static of({ raw }: Job, outgoing: Outgoing | undefined): StoredAnswer {
    return new StoredAnswer(outgoing, outgoing ? packed(outboxMessageOf(outgoing, raw.replyTo ?? '', 0)) : nothing)
  }

  /** Whoever names another's query gets nothing of its reply. */
  static read({ id, raw }: Job, verdict: InboxVerdict | undefined): StoredAnswer {
    const bytes = verdict?.kind === 'duplicate' ? verdict.reply : undefined
    if (!bytes || bytes.length === 0) return new StoredAnswer(undefined, nothing)
    const message = unpacked(id, bytes)

    return new StoredAnswer(message.shard === raw.replyTo ? outgoingOf(message, 0) : undefined, bytes)
  }
}

const nothing = new Uint8Array()
