import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool, type PoolClient } from 'pg'
import type { Closable, Footprint, Room, SagaStarter, WaitingSaga } from '../contender.js'
import { connections, stepsOfSaga } from '../scenario.js'
import { databaseUrl, schemaOf } from '../shop-database.js'

/**
 * The same transactions by hand: a row of the saga that is locked, its steps, its history, a timer for each step, a table of messages that is written in the
 * transaction, an inbox before each listener, and loops that read the messages and the timers. Between them stands a list in memory, as the memory broker does.
 */

interface Message {
  readonly id: string
  readonly type: string
  readonly saga: number
  readonly step: number
  /** The command that a reply answers. */
  readonly cause: string | undefined
}

const page = 1_000
const stepMs = 60_000

export function footprint({ id }: Room): Footprint {
  return { store: id }
}

export async function declare(room: Room): Promise<void> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1 })
  const statements = [
    `CREATE SCHEMA ${schemaOf(room)}`,
    `SET search_path = ${schemaOf(room)}`,
    'CREATE TABLE work (id int NOT NULL)',
    'CREATE TABLE inbox (grp text NOT NULL, id text NOT NULL, PRIMARY KEY (grp, id))',
    'CREATE TABLE outbox (seq bigserial PRIMARY KEY, id text NOT NULL, destination text NOT NULL, headers text NOT NULL, body bytea NOT NULL)',
    'CREATE TABLE saga (id int PRIMARY KEY, status text NOT NULL, step int NOT NULL, state json NOT NULL, version int NOT NULL, updated_at timestamptz NOT NULL)',
    'CREATE INDEX saga_updated_at ON saga (updated_at)',
    'CREATE TABLE saga_step (saga int NOT NULL, step int NOT NULL, status text NOT NULL, command_id text UNIQUE, deadline_at timestamptz, PRIMARY KEY (saga, step))',
    'CREATE TABLE saga_log (n bigserial, saga int NOT NULL, at timestamptz NOT NULL, event json NOT NULL, PRIMARY KEY (saga, n))',
    'CREATE TABLE timer (id text PRIMARY KEY, due_at timestamptz NOT NULL, saga int NOT NULL)',
    'CREATE INDEX timer_due_at ON timer (due_at)',
  ]
  for (const statement of statements) await pool.query(statement)
  await pool.end()
}

export async function openSagas(room: Room, taken: (id: number) => void): Promise<SagaStarter> {
  const hand = new Hand(room, taken)
  const relaying = hand.loop(() => hand.relay())

  return {
    start: (saga) => hand.deliver({ id: randomUUID(), type: 'begun', saga, step: 0, cause: undefined }),
    close: async () => {
      hand.isOver = true
      await relaying
      await hand.close()
    },
  }
}

export async function openTimers(room: Room, fired: (saga: number) => void): Promise<Closable> {
  const hand = new Hand(room, fired)
  const loops = [hand.loop(() => hand.relay()), hand.loop(() => hand.fireDue())]

  return {
    close: async () => {
      hand.isOver = true
      await Promise.all(loops)
      await hand.close()
    },
  }
}

export async function leaveOpen(room: Room, waiting: readonly WaitingSaga[]): Promise<void> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1 })
  const [schema, values] = [schemaOf(room), [waiting.map(({ saga }) => saga), waiting.map(({ dueAt }) => dueAt)]]
  const from = 'FROM unnest($1::int[], $2::float8[]) AS t (saga, due)'
  await pool.query(`INSERT INTO ${schema}.saga SELECT saga, 'running', 0, json_build_object('saga', saga), 1, now() FROM unnest($1::int[]) AS t (saga)`, values.slice(0, 1))
  await pool.query(`INSERT INTO ${schema}.saga_step SELECT saga, 0, 'sent', gen_random_uuid(), to_timestamp(due / 1000) ${from}`, values)
  await pool.query(`INSERT INTO ${schema}.timer SELECT saga || '/0', to_timestamp(due / 1000), saga ${from}`, values)
  await pool.query(`ANALYZE ${schema}.saga, ${schema}.saga_step, ${schema}.timer`)
  await pool.end()
}

class Hand {
  isOver = false
  readonly #pool = new Pool({ connectionString: databaseUrl, max: connections + 2 })
  readonly #schema: string
  readonly #done: (id: number) => void
  readonly #waiting: Message[] = []
  #running = 0

  constructor(room: Room, done: (id: number) => void) {
    this.#schema = schemaOf(room)
    this.#done = done
  }

  close(): Promise<void> {
    return this.#pool.end()
  }

  /** A list in memory, of which so many at once are handled. */
  deliver(message: Message): void {
    this.#waiting.push(message)
    while (this.#running < connections) {
      const next = this.#waiting.shift()
      if (!next) return
      this.#running++
      void this.#handle(next)
        .catch((error: unknown) => console.error(error))
        .then(() => {
          this.#running--
          const after = this.#waiting.shift()
          if (after) this.deliver(after)
        })
    }
  }

  async loop(turn: () => Promise<number>): Promise<void> {
    while (!this.isOver) {
      const waitMs = await turn()
      if (waitMs > 0) await sleep(waitMs)
    }
  }

  async relay(): Promise<number> {
    const { rows } = await this.#pool.query<{ seq: string; body: Buffer }>(`SELECT seq, id, destination, headers, body FROM ${this.#schema}.outbox ORDER BY seq LIMIT ${page}`)
    if (rows.length === 0) return 2
    await this.#pool.query(`DELETE FROM ${this.#schema}.outbox WHERE seq = ANY ($1)`, [rows.map(({ seq }) => seq)])
    for (const { body } of rows) this.deliver(JSON.parse(body.toString()) as Message)

    return 0
  }

  /** So many at once, each in a transaction of its own. */
  async fireDue(): Promise<number> {
    const fired = await Promise.all(Array.from({ length: connections / 2 }, () => this.#inTransaction((client) => this.#fireNext(client))))
    if (fired.some(Boolean)) return 0
    const { rows } = await this.#pool.query<{ ms: string | null }>(`SELECT extract(epoch FROM min(due_at) - clock_timestamp()) * 1000 AS ms FROM ${this.#schema}.timer`)

    return Math.min(1_000, Math.max(0, Math.ceil(Number(rows[0]?.ms ?? 1_000))))
  }

  #handle(message: Message): Promise<unknown> {
    if (message.type === 'do') return this.#once('work', message, (client) => this.#work(client, message))
    if (message.type === 'ended') return this.#once('ended', message, async () => this.#done(message.saga * stepsOfSaga + stepsOfSaga - 1))
    if (message.type === 'undone') return this.#once('undone', message, (client) => this.#reminded(client, message))
    if (message.type === 'begun') return this.#once('saga', message, (client) => this.#begin(client, message))

    return this.#once('saga', message, (client) => this.#reply(client, message))
  }

  async #work(client: PoolClient, { id, saga, step }: Message): Promise<void> {
    await client.query(`INSERT INTO ${this.#schema}.work (id) VALUES ($1)`, [saga * stepsOfSaga + step])
    await this.#publish(client, 'did', saga, step, id)
    if (step > 0) this.#done(saga * stepsOfSaga + step - 1)
  }

  async #reminded(client: PoolClient, { saga }: Message): Promise<void> {
    await client.query(`INSERT INTO ${this.#schema}.work (id) VALUES ($1)`, [saga])
    this.#done(saga)
  }

  async #begin(client: PoolClient, { saga }: Message): Promise<void> {
    const { rowCount } = await client.query(`INSERT INTO ${this.#schema}.saga VALUES ($1, 'running', 0, $2, 1, now()) ON CONFLICT DO NOTHING`, [saga, JSON.stringify({ saga })])
    if (rowCount === 0) return
    const command = await this.#send(client, saga, 0)
    await this.#log(client, saga, [{ kind: 'started' }, { kind: 'sent', step: 0, command }])
  }

  async #reply(client: PoolClient, { cause, saga, step }: Message): Promise<void> {
    const found = await client.query(`SELECT saga, step, status FROM ${this.#schema}.saga_step WHERE command_id = $1`, [cause])
    await client.query(`DELETE FROM ${this.#schema}.timer WHERE id = $1`, [`${saga}/${step}`])
    const { rows } = await client.query<{ version: number }>(`SELECT status, step, state, version FROM ${this.#schema}.saga WHERE id = $1 FOR UPDATE`, [saga])
    if (found.rows[0]?.status !== 'sent' || rows[0] === undefined) return
    const isLast = step === stepsOfSaga - 1
    await client.query(`UPDATE ${this.#schema}.saga_step SET status = 'done' WHERE saga = $1 AND step = $2`, [saga, step])
    const saved = await client.query(
      `UPDATE ${this.#schema}.saga SET status = $2, step = $3, state = $4, version = version + 1, updated_at = now() WHERE id = $1 AND version = $5`,
      [saga, isLast ? 'completed' : 'running', step + 1, JSON.stringify({ saga }), rows[0].version],
    )
    if (saved.rowCount !== 1) throw new Error(`Somebody else changed the saga ${saga}.`)
    const next = isLast ? await this.#publish(client, 'ended', saga, step) : await this.#send(client, saga, step + 1)
    await this.#log(client, saga, [
      { kind: 'done', step },
      { kind: isLast ? 'completed' : 'sent', step: step + 1, next },
    ])
  }

  async #send(client: PoolClient, saga: number, step: number): Promise<string> {
    const id = await this.#publish(client, 'do', saga, step)
    const deadline = new Date(Date.now() + stepMs)
    await client.query(`INSERT INTO ${this.#schema}.saga_step VALUES ($1, $2, 'sent', $3, $4)`, [saga, step, id, deadline])
    await client.query(`INSERT INTO ${this.#schema}.timer VALUES ($1, $2, $3)`, [`${saga}/${step}`, deadline, saga])

    return id
  }

  async #fireNext(client: PoolClient): Promise<boolean> {
    const taken = await client.query<{ saga: number }>(
      `DELETE FROM ${this.#schema}.timer WHERE id IN (
         SELECT id FROM ${this.#schema}.timer WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING saga`,
    )
    const saga = taken.rows[0]?.saga
    if (saga === undefined) return false
    const { rows } = await client.query<{ version: number }>(`SELECT status, step, state, version FROM ${this.#schema}.saga WHERE id = $1 FOR UPDATE`, [saga])
    await client.query(`SELECT step, status, command_id FROM ${this.#schema}.saga_step WHERE saga = $1`, [saga])
    await client.query(`UPDATE ${this.#schema}.saga_step SET status = 'unsure' WHERE saga = $1 AND step = 0`, [saga])
    await client.query(`UPDATE ${this.#schema}.saga SET status = 'compensated', state = $3, version = version + 1, updated_at = now() WHERE id = $1 AND version = $2`, [
      saga,
      rows[0]?.version,
      JSON.stringify({ saga, why: 'TIMEOUT' }),
    ])
    await this.#log(client, saga, [{ kind: 'timed out' }, { kind: 'unsure' }, { kind: 'turned back' }, { kind: 'compensated' }])
    await this.#publish(client, 'undone', saga, 0)

    return true
  }

  async #log(client: PoolClient, saga: number, events: readonly object[]): Promise<void> {
    await client.query(`INSERT INTO ${this.#schema}.saga_log (saga, at, event) SELECT $1, now(), e FROM unnest($2::json[]) AS e`, [
      saga,
      events.map((event) => JSON.stringify(event)),
    ])
  }

  async #publish(client: PoolClient, type: string, saga: number, step: number, cause?: string): Promise<string> {
    const id = randomUUID()
    const body = Buffer.from(JSON.stringify({ id, type, saga, step, cause }))
    await client.query(`INSERT INTO ${this.#schema}.outbox (id, destination, headers, body) VALUES ($1, $2, $3, $4)`, [id, type, JSON.stringify({ type, time: new Date() }), body])

    return id
  }

  #once(group: string, message: Message, work: (client: PoolClient) => Promise<unknown>): Promise<boolean> {
    return this.#inTransaction(async (client) => {
      const { rowCount } = await client.query(`INSERT INTO ${this.#schema}.inbox (grp, id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, [group, message.id])
      if (rowCount === 1) await work(client)

      return true
    })
  }

  async #inTransaction(work: (client: PoolClient) => Promise<boolean>): Promise<boolean> {
    const client = await this.#pool.connect()
    try {
      await client.query('BEGIN')
      const isDone = await work(client)
      await client.query('COMMIT')

      return isDone
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  }
}
