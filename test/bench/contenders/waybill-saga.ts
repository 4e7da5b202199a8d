import 'reflect-metadata'
import { type AppOptions, Command, createApp, Event, Listener, type Publish, Publisher, Service, unchecked } from '@waybill/core'
import { Database, outbox } from '@waybill/outbox'
import { Saga, sagas, startedBy } from '@waybill/saga'
import { postgres } from '@waybill/store-postgres'
import { memory } from '@waybill/transport-memory'
import { Pool } from 'pg'
import type { Closable, Footprint, Room, SagaStarter, WaitingSaga } from '../contender.js'
import { connections, stepsOfSaga } from '../scenario.js'
import { databaseUrl, schemaOf } from '../shop-database.js'

/** Waybill as its READMEs say: a saga, a service that does its steps, and one that hears of its end, each in a transaction of its own. */

interface Job {
  readonly saga: number
}

const payload = unchecked<Job>()
class Begun extends Event('bench.begun', { payload }) {}
class Ended extends Event('bench.ended', { payload }) {}
class Undone extends Event('bench.undone', { payload }) {}
class Do1 extends Command('work.do-1', { payload }) {}
class Do2 extends Command('work.do-2', { payload }) {}
class Do3 extends Command('work.do-3', { payload }) {}
class Do4 extends Command('work.do-4', { payload }) {}
class Do5 extends Command('work.do-5', { payload }) {}
class Undo extends Command('work.undo', { payload }) {}
class Did extends Event('work.did', { payload }) {}
class Remind extends Command('work.remind', { payload }) {}

const commands = [Do1, Do2, Do3, Do4, Do5] as const

@Saga('bench', { version: 1 })
class Bench {
  readonly flow = startedBy(Begun, { id: ({ saga }) => String(saga), state: ({ saga }) => ({ saga }) })
    .step('s1', (step) =>
      step
        .send(Do1, (job) => job)
        .done(Did)
        .undo(Undo, (job) => job)
        .within('1m', 'undo'),
    )
    .step('s2', (step) =>
      step
        .send(Do2, (job) => job)
        .done(Did)
        .undo(Undo, (job) => job)
        .within('1m', 'undo'),
    )
    .step('s3', (step) =>
      step
        .send(Do3, (job) => job)
        .done(Did)
        .undo(Undo, (job) => job)
        .within('1m', 'undo'),
    )
    .step('s4', (step) =>
      step
        .send(Do4, (job) => job)
        .done(Did)
        .undo(Undo, (job) => job)
        .within('1m', 'undo'),
    )
    .step('s5', (step) =>
      step
        .send(Do5, (job) => job)
        .done(Did)
        .undo(Undo, (job) => job)
        .within('1m', 'undo'),
    )
    .ends({ completed: [Ended, ({ saga }) => ({ saga })], compensated: [Undone, ({ saga = -1 }) => ({ saga })] })
}

@Saga('reminder', { version: 1 })
class Reminder {
  readonly flow = startedBy(Begun, { id: ({ saga }) => String(saga), state: ({ saga }) => ({ saga }) })
    .step('wait', (step) =>
      step
        .send(Remind, (job) => job)
        .done(Did)
        .noUndo()
        .within('1d', 'undo'),
    )
    .ends({ completed: [Ended, ({ saga }) => ({ saga })], compensated: [Undone, ({ saga = -1 }) => ({ saga })] })
}

export function footprint({ id }: Room): Footprint {
  return { store: id }
}

export async function declare(room: Room): Promise<void> {
  const app = appOf(room, [])
  await app.start()
  await app.stop()
  await inPool((pool) => pool.query(`CREATE TABLE ${schemaOf(room)}.work (id int NOT NULL)`))
}

export async function openSagas(room: Room, taken: (id: number) => void): Promise<SagaStarter> {
  const app = appOf(room, [Bench, workerOf(room, taken)])
  await app.start()

  return { start: (saga) => void app.publish(new Begun({ saga })), close: () => app.stop() }
}

export async function openTimers(room: Room, fired: (saga: number) => void): Promise<Closable> {
  const app = appOf(room, [Reminder, listenerOf(room, fired)])
  await app.start()

  return { close: () => app.stop() }
}

/** What `Reminder` leaves behind when its step was sent. */
export async function leaveOpen(room: Room, waiting: readonly WaitingSaga[]): Promise<void> {
  const [schema, values] = [schemaOf(room), [waiting.map(({ saga }) => saga), waiting.map(({ dueAt }) => dueAt)]]
  const from = 'FROM unnest($1::int[], $2::float8[]) AS t (saga, due)'
  await inPool(async (pool) => {
    await pool.query(
      `INSERT INTO ${schema}.saga (name, id, definition, status, step, state, version, started_at, updated_at)
       SELECT 'reminder', saga, 1, 'running', 'wait', json_build_object('data', json_build_object('saga', saga)), 2, now(), now() FROM unnest($1::int[]) AS t (saga)`,
      values.slice(0, 1),
    )
    await pool.query(
      `INSERT INTO ${schema}.saga_step (name, id, step, phase, attempt, status, command_id, deadline_at)
       SELECT 'reminder', saga, 'wait', 'do', 1, 'sent', gen_random_uuid(), to_timestamp(due / 1000) ${from}`,
      values,
    )
    await pool.query(
      `INSERT INTO ${schema}.timer (id, due_at, target, subject, payload)
       SELECT 'reminder/' || saga || '/do/wait', to_timestamp(due / 1000), 'saga.reminder', saga, convert_to('{"kind":"do/wait","attempt":1}', 'UTF8') ${from}`,
      values,
    )
    await pool.query(`ANALYZE ${schema}.saga, ${schema}.saga_step, ${schema}.timer`)
  })
}

function appOf(room: Room, services: AppOptions['services']) {
  const plugins = [outbox(postgres({ url: databaseUrl, schema: schemaOf(room), connections: connections + 2 })), sagas()]

  return createApp({ name: 'bench', services, transport: memory(), plugins, signals: false, log: false })
}

function workerOf(room: Room, taken: (id: number) => void) {
  const insert = insertWork(room)

  @Service('work')
  class Worker {
    constructor(
      readonly database: Database,
      @Publisher(Did) readonly did: Publish<Did>,
    ) {}

    @Listener(commands, { concurrency: connections })
    async work(command: InstanceType<(typeof commands)[number]>): Promise<void> {
      const step = commands.findIndex((type) => command instanceof type)
      const id = command.saga * stepsOfSaga + step
      await this.database.query(insert, [id])
      await this.did({ saga: command.saga })
      if (step > 0) taken(id - 1)
    }

    @Listener(Undo)
    undo(): never {
      throw new Error('Nothing is undone here.')
    }

    @Listener(Ended)
    ended({ saga }: Ended): void {
      taken(saga * stepsOfSaga + stepsOfSaga - 1)
    }
  }

  return Worker
}

function listenerOf(room: Room, fired: (saga: number) => void) {
  const insert = insertWork(room)

  @Service('reminded')
  class Reminded {
    constructor(readonly database: Database) {}

    @Listener(Undone, { concurrency: connections })
    async take({ saga }: Undone): Promise<void> {
      await this.database.query(insert, [saga])
      fired(saga)
    }
  }

  return Reminded
}

const insertWork = (room: Room): string => `INSERT INTO ${schemaOf(room)}.work (id) VALUES ($1)`

async function inPool(work: (pool: Pool) => Promise<unknown>): Promise<void> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1 })
  try {
    await work(pool)
  } finally {
    await pool.end()
  }
}
