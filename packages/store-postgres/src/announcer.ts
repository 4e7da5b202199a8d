import { murmur2, type StoreHost } from '@waybill/core'
import type { Client } from 'pg'
import type { Connection } from './connection.js'
import { sentenceOf } from './database-error.js'
import type { Prepare, Schema } from './statement.js'

const firstPauseMs = 1_000
const longestPauseMs = 30_000

/**
 * Tells other processes that something waits, and hears them: NOTIFY on a session of its own, outside every transaction of the user's, for a transaction that notifies holds
 * a lock of the whole cluster while it commits. Polling finds what was not heard.
 */
export class Announcer {
  readonly #connection: Connection
  readonly #schema: Schema
  readonly #notify: ReturnType<Prepare>
  readonly #ears = new Set<(shard: string) => void>()
  #host: StoreHost | undefined
  #client: Client | undefined
  #cancelPause: () => void = () => undefined
  #pauseMs = firstPauseMs
  #isClosed = false

  constructor(connection: Connection, schema: Schema, prepare: Prepare) {
    this.#connection = connection
    this.#schema = schema
    this.#notify = prepare('SELECT pg_notify($1, shard) FROM unnest($2::text[]) AS shard')
  }

  get #channel(): string {
    return `waybill_${(murmur2(new TextEncoder().encode(this.#schema.name)) >>> 0).toString(16)}`
  }

  open(host: StoreHost): void {
    this.#host = host
    if (this.#ears.size > 0) void this.#listen()
  }

  /** Nobody else can hear where the database lives in this process. */
  async announce(shards: readonly string[]): Promise<void> {
    if (shards.length > 0 && !this.#connection.isEmbedded) await this.#connection.run(this.#notify(this.#channel, [...shards]))
  }

  watch(heard: (shard: string) => void): () => void {
    this.#ears.add(heard)
    if (this.#host && !this.#client) void this.#listen()

    return () => void this.#ears.delete(heard)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelPause()
    await this.#client?.end().catch(() => undefined)
  }

  /** Never rejects. A session that was lost is made again. */
  async #listen(): Promise<void> {
    const client = this.#isClosed ? undefined : this.#connection.listener()
    if (!client) return
    this.#client = client
    client.on('notification', ({ payload }) => this.#hear(payload))
    client.once('error', (error) => this.#again(client, error))
    client.once('end', () => this.#again(client, undefined))
    try {
      await client.connect()
      await client.query(`LISTEN ${this.#channel}`)
      this.#pauseMs = firstPauseMs
    } catch (error) {
      this.#again(client, error)
    }
  }

  #again(client: Client, error: unknown): void {
    if (this.#client !== client || this.#isClosed) return
    this.#client = undefined
    this.#host?.log.debug(`The store does not hear other processes for the moment: ${sentenceOf(error)}`)
    client.on('error', () => undefined)
    client.end().catch(() => undefined)
    const ms = (this.#host?.runtime.random() ?? 1) * this.#pauseMs
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs)
    this.#cancelPause = this.#host?.runtime.after(ms, () => void this.#listen()) ?? (() => undefined)
  }

  #hear(shard: string | undefined): void {
    if (shard !== undefined) for (const heard of this.#ears) heard(shard)
  }
}
