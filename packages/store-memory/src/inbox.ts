import type { InboxEntry, InboxStore, InboxVerdict, StoredReply, TransactionInbox } from '@waybill/core'
import type { Connection } from './connection.js'
import type { Session } from './database/session.js'
import { rowOf } from './database/space.js'

interface Processed {
  readonly at: number
  readonly reply: Uint8Array | undefined
}

export class MemoryInbox implements InboxStore {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async clean(keepMs: number): Promise<number> {
    const { space, now } = this.#connection
    const old = [...space.table('inbox')].filter(([, value]) => (value as Processed).at < now - keepMs)
    space.apply(new Map(old.map(([row]) => [row, undefined])))

    return old.length
  }
}

export class SessionInbox implements TransactionInbox {
  readonly #session: Session
  readonly #connection: Connection

  constructor(session: Session, connection: Connection) {
    this.#session = session
    this.#connection = connection
  }

  async insert(entries: readonly InboxEntry[]): Promise<readonly InboxVerdict[]> {
    const verdicts = new Map<InboxEntry, InboxVerdict>()
    // Everybody takes them in one order, so that two that share some do not wait for each other.
    for (const entry of [...entries].sort(byKey)) verdicts.set(entry, await this.#insert(entry))

    return entries.map((entry) => verdicts.get(entry) as InboxVerdict)
  }

  async keep({ group, id, reply }: StoredReply): Promise<void> {
    const row = rowOf('inbox', group, id)
    const known = this.#session.read(row) as Processed | undefined
    if (known) await this.#session.write(row, { ...known, reply } satisfies Processed)
  }

  async #insert({ group, id, guard }: InboxEntry): Promise<InboxVerdict> {
    const row = rowOf('inbox', group, id)
    await this.#session.lock(row)
    const known = this.#session.read(row) as Processed | undefined
    if (known) return { kind: 'duplicate', reply: known.reply }
    if (guard) {
      const line = rowOf('inbox-line', group, guard.producer, guard.key)
      await this.#session.lock(line)
      const last = this.#session.read(line) as bigint | undefined
      if (last !== undefined && guard.sequence <= last) return { kind: 'stale', last }
      await this.#session.write(line, guard.sequence)
    }
    await this.#session.write(row, { at: this.#connection.now, reply: undefined } satisfies Processed)

    return { kind: 'first' }
  }
}

function byKey(a: InboxEntry, b: InboxEntry): number {
  const [left, right] = [`${a.group}\n${a.id}`, `${b.group}\n${b.id}`]

  return left < right ? -1 : Number(left > right)
}
