import { type Ask, type BatchItem, type Delivery, Ignore, Listener, type ManualDelivery, type Publish, Publisher, Query, Service } from '@waybill/core'
import { Database } from '@waybill/outbox'
import { type MemoryDatabase, memoryDatabase, type MemoryTables } from '@waybill/store-memory'
import { eventually, virtualRuntime } from '@waybill/testing'
import { memoryBroker } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Asked, startBed, Told } from './bed.js'

class Price extends Query('price.price', { payload: z.object({ n: z.number() }), reply: z.object({ run: z.number() }) }) {}

@Service('audience')
class Audience {
  readonly heard: { readonly n: number; readonly id: string }[] = []

  @Listener(Told, { transaction: false })
  hear({ n }: Told, { id }: Delivery): void {
    this.heard.push({ n, id })
  }
}

const waiting = async (outbox: { status(): Promise<readonly { readonly pending: number }[]> }): Promise<number> => (await outbox.status())[0]?.pending ?? -1

test('a message that comes twice is processed once, and its duplicate is acked', async () => {
  @Service('once')
  class Once {
    runs = 0

    constructor(@Publisher(Told) private readonly tell: Publish<Told>) {}

    @Listener(Asked)
    async hear({ n }: Asked): Promise<void> {
      this.runs++
      await this.tell({ n })
    }
  }
  const { app, broker } = await startBed({ services: [Once, Audience] })

  await app.publish(new Asked({ n: 1 }), { id: 'the-same' })
  await app.publish(new Asked({ n: 1 }), { id: 'the-same' })
  await app.publish(new Asked({ n: 2 }), { id: 'another' })
  await eventually(() => app.get(Audience).heard.length === 2)
  await eventually(() => broker.queues().every(({ waiting: count, unsettled }) => count + unsettled === 0))

  expect(app.get(Once).runs).toBe(2)
  expect(app.get(Audience).heard.map(({ n }) => n)).toEqual([1, 2])
})

test('H1 a listener that was rolled back and runs again sends the same ids', async () => {
  const ids: string[] = []
  @Service('speaker')
  class Speaker {
    runs = 0

    constructor(
      private readonly database: Database,
      @Publisher(Told) private readonly tell: Publish<Told>,
    ) {}

    @Listener(Asked, { retry: { attempts: 3, backoff: ['1ms'] } })
    async speak(): Promise<void> {
      await this.tell([{ n: 1 }, { n: 2 }], { headers: { run: ++this.runs } })
      await this.database.client<MemoryTables>().set('runs', String(this.runs), this.runs)
      if (this.runs < 3) throw new Error('not yet')
    }
  }
  const { app, database } = await startBed({ services: [Speaker, Audience], middleware: [{ publish: (call, next) => next(call.options) }] })

  await app.publish(new Asked({ n: 0 }), { id: 'cause' })
  await eventually(() => app.get(Audience).heard.length === 2)
  ids.push(...app.get(Audience).heard.map(({ id }) => id))

  expect(database.rows('runs')).toEqual([3])
  expect(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-8/.test(id))).toBe(true)
})

test('H2 a question inside a transaction is refused at once, outside it is not', async () => {
  const found: unknown[] = []
  @Service('curious')
  class Curious {
    constructor(@Publisher(Price) private readonly price: Ask<Price>) {}

    @Listener(Asked)
    async inside({ n }: Asked): Promise<void> {
      found.push(await this.price({ n }).catch((error: unknown) => error))
    }

    @Listener(Told, { transaction: false })
    async outside({ n }: Told): Promise<void> {
      found.push(await this.price({ n }))
    }
  }
  @Service('prices')
  class Prices {
    @Listener(Price)
    answer({ n }: Price): { run: number } {
      return { run: n }
    }
  }
  const { app } = await startBed({ services: [Curious, Prices] })

  await app.publish(new Asked({ n: 1 }))
  await eventually(() => found.length === 1)
  await app.publish(new Told({ n: 7 }))
  await eventually(() => found.length === 2)

  expect(found).toEqual([expect.objectContaining({ code: 'QUERY_IN_TRANSACTION', message: expect.stringContaining('Curious.inside') }), { run: 7 }])
})

test('the answer of a transaction that was not committed is none: the query that comes again meanwhile hears that of the next try', async () => {
  const runtime = virtualRuntime()
  const broker = memoryBroker({ runtime })
  const database = memoryDatabase()
  let runs = 0
  @Service('prices')
  class Prices {
    @Listener(Price, { retry: { attempts: 2, backoff: ['1s'] } })
    answer(): { run: number } {
      if (++runs === 1) database.disconnect()

      return { run: runs }
    }
  }
  await startBed({ services: [Prices], broker, database, runtime })
  broker.queue('reply.one')
  const headers = { cloudEvents_id: 'q', cloudEvents_type: 'price.price', cloudEvents_source: '/x', 'waybill-deadline': runtime.now() + 10_000 }
  const ask = async (): Promise<void> => {
    broker.send({ exchange: 'price', routingKey: 'price.price', headers, body: '{"n":1}', contentType: 'application/json', replyTo: 'reply.one' })
    await runtime.advance('10ms')
  }

  await ask()
  await ask()
  const replies = (): number | undefined => broker.queues().find(({ name }) => name === 'reply.one')?.waiting
  const before = [runs, replies()]
  await runtime.advance('2s')

  expect(before).toEqual([1, 0])
  expect([runs, replies()]).toEqual([2, 2])
})

test('H3 what a listener ignores is rolled back and acked', async () => {
  @Service('picky')
  class Picky {
    constructor(
      private readonly database: Database,
      @Publisher(Told) private readonly tell: Publish<Told>,
    ) {}

    @Listener(Asked)
    async hear({ n }: Asked): Promise<void> {
      await this.database.client<MemoryTables>().set('heard', String(n), n)
      await this.tell({ n })
      if (n === 1) throw new Ignore('not mine')
    }
  }
  const { app, database, broker } = await startBed({ services: [Picky, Audience] })

  await app.publish(new Asked({ n: 1 }))
  await app.publish(new Asked({ n: 2 }))
  await eventually(() => app.get(Audience).heard.length === 1)

  expect(database.rows('heard')).toEqual([2])
  expect(app.get(Audience).heard.map(({ n }) => n)).toEqual([2])
  expect(broker.queues().map(({ waiting: count, unsettled }) => count + unsettled)).toEqual(broker.queues().map(() => 0))
})

test('H4 one failed item rolls its batch back, and then each runs by itself', async () => {
  const batches: number[][] = []
  @Service('batches')
  class Batches {
    constructor(
      private readonly database: Database,
      @Publisher(Told) private readonly tell: Publish<Told>,
    ) {}

    @Listener(Asked, { batch: { size: 3, wait: '1s' }, retry: false })
    async hear(messages: readonly Asked[], items: readonly BatchItem[]): Promise<void> {
      batches.push(messages.map(({ n }) => n))
      for (const [index, { n }] of messages.entries()) {
        await this.database.client<MemoryTables>().set('heard', `${n} of ${messages.length}`, `${n} of ${messages.length}`)
        await this.tell({ n: n * 10 + messages.length })
        if (n === 2) items[index]?.fail(new Error('no'))
      }
    }
  }
  const { app, database } = await startBed({ services: [Batches, Audience] })

  await app.publish([1, 2, 3].map((n) => new Asked({ n })))
  await eventually(async () => (await app.deadLetters.list({ channel: 'asked', group: 'batches' })).length === 1)
  await eventually(() => app.get(Audience).heard.length === 2)

  expect(batches).toEqual([[1, 2, 3], [1], [2], [3]])
  expect(database.rows('heard')).toEqual(['1 of 1', '3 of 1'])
  expect(
    app
      .get(Audience)
      .heard.map(({ n }) => n)
      .sort(),
  ).toEqual([11, 31])
})

test('of a batch only the new messages reach the listener', async () => {
  const batches: number[][] = []
  @Service('batches')
  class Batches {
    @Listener(Asked, { batch: { size: 2, wait: '1s' } })
    async hear(messages: readonly Asked[], items: readonly BatchItem[]): Promise<void> {
      batches.push(messages.map(({ n }) => n))
      expect(items).toHaveLength(messages.length)
    }
  }
  const { app } = await startBed({ services: [Batches] })
  const publish = (n: number): Promise<void> => app.publish(new Asked({ n }), { id: `m-${n}` })

  await Promise.all([publish(1), publish(2)])
  await eventually(() => batches.length === 1)
  await Promise.all([publish(1), publish(3)])
  await eventually(() => batches.length === 2)

  expect(batches).toEqual([[1, 2], [3]])
})

test('H5 a manual ack counts after the commit: where that fails, the message comes again', async () => {
  const database = memoryDatabase()
  const tries: number[] = []
  @Service('manual')
  class Manual {
    @Listener(Asked, { settle: 'manual', retry: { attempts: 5, backoff: ['1ms'] } })
    async hear(_message: Asked, delivery: ManualDelivery): Promise<void> {
      tries.push(delivery.attempt)
      delivery.ack()
      if (tries.length === 1) database.disconnect()
    }
  }
  const { app, broker } = await startBed({ services: [Manual], database })

  await app.publish(new Asked({ n: 1 }))
  await eventually(() => tries.length === 2, { within: 10_000 })
  await eventually(() => broker.queues().every(({ waiting: count, unsettled }) => count + unsettled === 0))

  expect(tries).toHaveLength(2)
})

test.each(['retry', 'deadLetter'] as const)('what a manual listener says "%s" to is rolled back', async (word) => {
  @Service('manual')
  class Manual {
    runs = 0

    constructor(private readonly database: Database) {}

    @Listener(Asked, { settle: 'manual', retry: { attempts: 2, backoff: ['1ms'] } })
    async hear({ n }: Asked, delivery: ManualDelivery): Promise<void> {
      this.runs++
      await this.database.client<MemoryTables>().set('runs', String(this.runs), this.runs)
      if (this.runs > 1) return delivery.ack()
      if (word === 'retry') delivery.retry()
      else delivery.deadLetter(`no ${n}`)
    }
  }
  const { app, database } = await startBed({ services: [Manual] })

  await app.publish(new Asked({ n: 1 }))
  if (word === 'retry') await eventually(() => database.rows('runs').length === 1)
  else await eventually(async () => (await app.deadLetters.list({ channel: 'asked', group: 'manual' })).length === 1)

  expect(database.rows('runs')).toEqual(word === 'retry' ? [2] : [])
})

test('H6 what is not held is out, although its transaction is rolled back', async () => {
  @Service('hasty')
  class Hasty {
    constructor(@Publisher(Told) private readonly tell: Publish<Told>) {}

    @Listener(Asked, { retry: false })
    async speak(): Promise<void> {
      await this.tell({ n: 1 })
      await this.tell({ n: 2 }, { held: false })
      throw new Error('after all')
    }
  }
  const { app, outbox } = await startBed({ services: [Hasty, Audience] })

  await app.publish(new Asked({ n: 0 }))
  await eventually(async () => (await app.deadLetters.list({ channel: 'asked', group: 'hasty' })).length === 1)

  expect(app.get(Audience).heard.map(({ n }) => n)).toEqual([2])
  expect(await waiting(outbox)).toBe(0)
})

test('H7 a publish and a query after their transaction has ended are errors that name the method, and nothing is half-sent', async () => {
  const late: unknown[] = []
  @Service('forgetful')
  class Forgetful {
    constructor(
      private readonly database: Database,
      @Publisher(Told) private readonly tell: Publish<Told>,
    ) {}

    @Listener(Asked)
    async speak(): Promise<void> {
      const tables = this.database.client<MemoryTables>()
      const forgotten = new Promise<void>((resolve) => setImmediate(resolve))
      const note = (error: unknown): void => void late.push(error)
      forgotten.then(() => this.tell({ n: 1 })).catch(note)
      forgotten.then(() => tables.set('late', '1', 1)).catch(note)
      forgotten.then(() => this.database.client()).catch(note)
    }
  }
  const { app, database } = await startBed({ services: [Forgetful, Audience] })

  await app.publish(new Asked({ n: 0 }))
  await eventually(() => late.length === 3)

  expect(late).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ code: 'LATE_PUBLISH', message: expect.stringContaining('Forgetful.speak') }),
      expect.objectContaining({ message: expect.stringContaining('committed') }),
      expect.objectContaining({ code: 'TRANSACTION_ENDED', message: expect.stringContaining('Forgetful.speak') }),
    ]),
  )
  expect([app.get(Audience).heard, database.rows('late')]).toEqual([[], []])
})

test('a query that comes twice is answered once more with what it was answered before, also by another process', async () => {
  const [broker, database] = [memoryBroker(), memoryDatabase()]
  const runs: number[] = []
  @Service('prices')
  class Prices {
    @Listener(Price)
    answer({ n }: Price): { run: number } {
      runs.push(n)

      return { run: runs.length }
    }
  }
  const first = await startBed({ services: [Prices], broker, database })
  const answer = await first.app.ask(new Price({ n: 1 }))
  const stored = inboxOf(database)

  expect(answer).toEqual({ run: 1 })
  expect(stored).toHaveLength(1)
  expect(Buffer.from(stored[0] ?? []).toString()).toContain('price.price.reply')
})

test('a listener whose time is up is rolled back, and its row is free', async () => {
  let isFirst = true
  @Service('slow')
  class Slow {
    constructor(private readonly database: Database) {}

    @Listener(Asked, { timeout: '30ms', retry: { attempts: 2, backoff: ['1ms'] } })
    async hear({ n }: Asked, { signal }: Delivery): Promise<void> {
      await this.database.client<MemoryTables>().set('rows', 'one', n)
      if (!isFirst) return
      isFirst = false
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      await new Promise(() => undefined)
    }
  }
  const { app, database } = await startBed({ services: [Slow] })

  await app.publish(new Asked({ n: 1 }))
  await eventually(() => database.rows('rows').length === 1)

  expect(database.rows('rows')).toEqual([1])
  expect(database.open).toBe(0)
})

function inboxOf(database: MemoryDatabase): readonly Uint8Array[] {
  return [...database.space(undefined).table('inbox')].flatMap(([, row]) => {
    const { reply } = row as { readonly reply?: Uint8Array }

    return reply ? [reply] : []
  })
}
