import { murmur2, type OutboxMessage } from '@waybill/core'
import type { Statement } from './options.js'
import type { Prepare, Schema } from './statement.js'

const utf8 = new TextEncoder()

/** What puts messages into the outbox. */
export class OutboxWriter {
  readonly #sql: ReturnType<typeof sqlOf>
  readonly #schema: Schema
  #class: { readonly of: string; readonly number: number } | undefined

  constructor(schema: Schema, prepare: Prepare) {
    this.#sql = sqlOf(prepare)
    this.#schema = schema
  }

  /** The statements that write them, to be the last of their transaction. */
  writing(messages: readonly OutboxMessage[]): readonly Statement[] {
    const [first] = messages
    if (!first) return []
    if (messages.length === 1 && first.key !== undefined) return [this.#sql.insertKeyed(...valuesOf(first), this.#classOf(this.#schema.name), murmur2(utf8.encode(first.key)))]
    const insert = messages.length === 1 ? this.#sql.insertOne(...valuesOf(first)) : this.#sql.insertMany(...columnsOf(messages))

    return [...this.#locks(messages), insert]
  }

  /**
   * Two transactions with one key draw their places one after another, also where no row of the user's makes them wait. Taken in the order of their numbers,
   * so that nobody waits in a circle. Keys that share a number only wait without need.
   */
  #locks(messages: readonly OutboxMessage[]): readonly Statement[] {
    const locks = new Set<number>()
    for (const { key } of messages) if (key !== undefined) locks.add(murmur2(utf8.encode(key)))
    const [only] = locks
    if (only === undefined) return []
    const lockClass = this.#classOf(this.#schema.name)

    return [
      locks.size === 1
        ? this.#sql.lockOne(lockClass, only)
        : this.#sql.lockMany(
            lockClass,
            [...locks].sort((a, b) => a - b),
          ),
    ]
  }

  /** Of the locks of this schema among those of a whole database. */
  #classOf(schema: string): number {
    if (this.#class?.of !== schema) this.#class = { of: schema, number: murmur2(utf8.encode(`waybill ${schema}`)) }

    return this.#class.number
  }
}

function valuesOf({ shard, id, key, destination, head, body, expiresAt }: OutboxMessage): unknown[] {
  return [shard, id, key ?? null, destination, head, bufferOf(body), expiresAt ?? null]
}

function columnsOf(messages: readonly OutboxMessage[]): unknown[] {
  const rows = messages.map(valuesOf)

  return Array.from({ length: 7 }, (_, column) => rows.map((row) => row[column]))
}

// The driver takes a Buffer for bytes and anything else for text.
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function sqlOf(prepare: Prepare) {
  const columns = 'shard, id, key, destination, head, body, expires_at'

  return {
    lockOne: prepare('SELECT pg_advisory_xact_lock($1::int, $2::int)::text AS locked'),
    lockMany: prepare('SELECT pg_advisory_xact_lock($1::int, lock)::text AS locked FROM unnest($2::int[]) AS lock'),
    insertOne: prepare(`INSERT INTO {}.outbox (${columns}) VALUES ($1, $2, $3, $4, $5, $6, to_timestamp($7::float8 / 1000))`),
    // The row comes out of the lock, so its place is drawn when the lock is had.
    insertKeyed: prepare(`
      INSERT INTO {}.outbox (${columns}) SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::bytea, to_timestamp($7::float8 / 1000)
      FROM (SELECT pg_advisory_xact_lock($8::int, $9::int) OFFSET 0) AS locked`),
    insertMany: prepare(`
      INSERT INTO {}.outbox (${columns})
      SELECT m.shard, m.id, m.key, m.destination, m.head, m.body, to_timestamp(m.expires_ms / 1000)
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::float8[])
        WITH ORDINALITY AS m (shard, id, key, destination, head, body, expires_ms, n) ORDER BY m.n`),
  }
}
