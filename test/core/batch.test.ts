import { type BatchItem, DeadLetter, Event, Ignore, Listener, type Publish, Publisher, Retry, Service } from '@waybill/core'
import { memoryBroker } from '@waybill/transport-memory'
import { virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

const payload = z.object({ n: z.number() })
class Read extends Event('meters.read', { payload }) {}
class Moved extends Event('meters.moved', { key: 'id', payload: z.object({ id: z.string(), n: z.number() }) }) {}
class Told extends Event('told.told', { payload }) {}

const of = { channel: 'meters', group: 'store' } as const

@Service('audience')
class Audience {
  readonly heard: { n: number; id: string }[] = []

  @Listener(Told)
  hear({ n }: Told, { id }: { id: string }): void {
    this.heard.push({ n, id })
  }
}

function reads(count: number): readonly Read[] {
  return Array.from({ length: count }, (_, n) => new Read({ n }))
}

function storing(
  work: (ns: readonly number[], items: readonly BatchItem[]) => unknown,
  { concurrency = 1, size = 10, wait = '50ms' as const } = {},
): { type: new () => object; batches: number[][] } {
  const batches: number[][] = []
  @Service('store')
  class Store {
    @Listener(Read, { concurrency, batch: { size, wait }, retry: { attempts: 3, backoff: ['100ms'] } })
    async store(messages: readonly Read[], items: readonly BatchItem[]): Promise<void> {
      batches.push(messages.map(({ n }) => n))
      await work(
        messages.map(({ n }) => n),
        items,
      )
    }
  }

  return { type: Store, batches }
}

test('a batch starts when it is full, and the rest when it has waited', async () => {
  const runtime = virtualRuntime()
  const { type, batches } = storing(() => undefined, { size: 4 })
  const { app } = await startApp({ runtime, services: [type] })

  await app.publish(reads(10))
  await runtime.advance('1ms')
  const full = structuredClone(batches)
  await runtime.advance('49ms')

  expect(full).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
  ])
  expect(batches.slice(2)).toEqual([[8, 9]])
  expect(app.health().consumers[0]?.unsettled).toBe(0)
})

test('B25 one bad item of a batch fails alone: its neighbours run by themselves and succeed', async () => {
  const runtime = virtualRuntime()
  const { type, batches } = storing((ns, items) => {
    if (ns.includes(2)) items[ns.indexOf(2)]?.fail(new Error('no such meter'))
  })
  const { app } = await startApp({ runtime, services: [type] })

  await app.publish(reads(4))
  await runtime.advance('1s')
  const letters = await app.deadLetters.list(of)

  expect(batches).toEqual([[0, 1, 2, 3], [0], [1], [2], [3], [2], [2]])
  expect(letters.map(({ body, attempts, error }) => [Buffer.from(body).toString(), attempts, error])).toEqual([['{"n":2}', 3, 'Error: no such meter']])
})

test('B25 a listener that empties its list of items takes no failure back', async () => {
  const runtime = virtualRuntime()
  const { type, batches } = storing((ns, items) => {
    if (ns.includes(1)) items[ns.indexOf(1)]?.fail(new Error('no such meter'))
    ;(items as unknown as BatchItem[]).length = 0
  })
  const { app } = await startApp({ runtime, services: [type] })

  await app.publish(reads(4))
  await runtime.advance('1s')

  expect(batches).toEqual([[0, 1, 2, 3], [0], [1], [2], [3], [1], [1]])
  expect((await app.deadLetters.list(of)).map(({ attempts }) => attempts)).toEqual([3])
})

test('B25 an item that cannot be read is a dead letter by itself, and the batch goes without it', async () => {
  const runtime = virtualRuntime()
  const broker = memoryBroker()
  const { type, batches } = storing(() => undefined, { size: 3 })
  const { app } = await startApp({ runtime, broker, services: [type] })

  broker.send({
    exchange: 'meters',
    routingKey: 'meters.read',
    headers: { cloudEvents_id: 'bad', cloudEvents_type: 'meters.read', cloudEvents_source: '/x' },
    body: '{"n":"many"}',
  })
  await app.publish(reads(2))
  await runtime.advance('1s')

  expect(batches).toEqual([[0, 1]])
  expect((await app.deadLetters.list(of)).map(({ id, reason }) => [id, reason])).toEqual([['bad', 'SCHEMA']])
})

test('a batch that throws runs its items one by one, each with its own outcome', async () => {
  const runtime = virtualRuntime()
  const { type, batches } = storing((ns) => {
    if (ns.length > 1) throw new Error('too much at once')
    if (ns[0] === 1) throw new DeadLetter('unknown meter')
    if (ns[0] === 2) throw new Ignore('seen')
  })
  const { app } = await startApp({ runtime, services: [type] })

  await app.publish(reads(4))
  await runtime.advance('1s')

  expect(batches).toEqual([[0, 1, 2, 3], [0], [1], [2], [3]])
  expect((await app.deadLetters.list(of)).map(({ message }) => message)).toEqual(['unknown meter'])
  expect(app.health().consumers[0]?.unsettled).toBe(0)
})

test('H4 nothing that a batch with a failed item held is sent before its items ran alone', async () => {
  const runtime = virtualRuntime()
  @Service('store')
  class Store {
    constructor(@Publisher(Told) private readonly tell: Publish<Told>) {}

    @Listener(Read, { batch: { size: 3 }, concurrency: 1, retry: false })
    async store(messages: readonly Read[], items: readonly BatchItem[]): Promise<void> {
      await this.tell({ n: 100 * messages.length })
      if (messages.some(({ n }) => n === 1)) items.find((_, i) => messages[i]?.n === 1)?.fail(new Error('bad'))
    }
  }
  const { app } = await startApp({ runtime, services: [Store, Audience] })

  await app.publish(reads(3))
  await runtime.advance('1s')

  expect(app.get(Audience).heard.map(({ n }) => n)).toEqual([100, 100])
  expect(await app.deadLetters.list(of)).toHaveLength(1)
})

test('H1 the same batch again sends the same ids, and its items alone send others', async () => {
  const runtime = virtualRuntime()
  const broker = memoryBroker()
  let runs = 0
  @Service('store')
  class Store {
    constructor(@Publisher(Told) private readonly tell: Publish<Told>) {}

    @Listener(Read, { batch: { size: 2 } })
    async store(messages: readonly Read[]): Promise<void> {
      runs++
      await this.tell(messages.map(({ n }) => ({ n })))
    }
  }
  const { app } = await startApp({ runtime, broker, services: [Store, Audience] })

  for (const ids of [['a', 'b'], ['a', 'b'], ['a']]) {
    for (const id of ids) await app.publish(new Read({ n: ids.length }), { id })
    await runtime.advance('1s')
  }
  // What stands before it is the time of the cause.
  const ids = app.get(Audience).heard.map(({ id }) => id.slice(14))

  expect(runs).toBe(3)
  expect(ids.slice(2, 4)).toEqual(ids.slice(0, 2))
  expect(new Set(ids).size).toBe(3)
})

test('messages of one key share a batch in their order, and never two batches at a time', async () => {
  const runtime = virtualRuntime()
  const running = new Set<string>()
  const taken: string[] = []
  let overlaps = 0
  @Service('store')
  class Store {
    @Listener(Moved, { batch: { size: 4 }, concurrency: 5 })
    async store(messages: readonly Moved[]): Promise<void> {
      const keys = new Set(messages.map(({ id }) => id))
      for (const key of keys) {
        if (running.has(key)) overlaps++
        running.add(key)
      }
      taken.push(...messages.map(({ id, n }) => `${id}${n}`))
      await new Promise<void>((resolve) => void runtime.after(10, resolve))
      for (const key of keys) running.delete(key)
    }
  }
  const { app } = await startApp({ runtime, services: [Store] })

  await app.publish(Array.from({ length: 60 }, (_, i) => new Moved({ id: 'abc'[i % 3] as string, n: i })))
  await runtime.advance('5s')

  expect(overlaps).toBe(0)
  expect(taken).toHaveLength(60)
  for (const key of 'abc') {
    const ns = taken.filter((entry) => entry.startsWith(key)).map((entry) => Number(entry.slice(1)))
    expect(ns).toEqual([...ns].sort((a, b) => a - b))
  }
})

test('a batch that is full of the messages of some keys starts at once', async () => {
  const runtime = virtualRuntime()
  const batches: string[][] = []
  @Service('store')
  class Store {
    @Listener(Moved, { batch: { size: 5, wait: '1h' }, concurrency: 1 })
    store(messages: readonly Moved[]): void {
      batches.push(messages.map(({ id, n }) => `${id}${n}`))
    }
  }
  const { app } = await startApp({ runtime, services: [Store] })

  await app.publish(['a1', 'a2', 'b1', 'b2'].map((text) => new Moved({ id: text[0] as string, n: Number(text[1]) })))
  await runtime.advance('1ms')
  const before = batches.length
  await app.publish(['b3', 'b4', 'b5', 'b6'].map((text) => new Moved({ id: text[0] as string, n: Number(text[1]) })))
  await runtime.advance('1ms')

  expect(before).toBe(0)
  expect(batches).toEqual([['a1', 'a2', 'b1', 'b2', 'b3']])
})

test('a batch waits for those that may share it, and counts no other of their keys', async () => {
  const runtime = virtualRuntime()
  const taken: string[] = []
  class Reset extends Event('meters.reset', { key: 'id', payload: z.object({ id: z.string() }) }) {}
  @Service('store')
  class Store {
    @Listener(Moved, { batch: { size: 3, wait: '1m' } })
    store(messages: readonly Moved[]): void {
      taken.push(messages.map(({ id, n }) => `${id}${n}`).join(' '))
    }

    @Listener(Reset)
    reset({ id }: Reset): void {
      taken.push(`${id} reset`)
    }
  }
  const { app } = await startApp({ runtime, services: [Store] })

  await app.publish([new Moved({ id: 'a', n: 1 }), new Reset({ id: 'a' }), new Moved({ id: 'a', n: 2 })])
  await runtime.advance('59s')
  const before = [...taken]
  await runtime.advance('2m')

  expect(before).toEqual([])
  expect(taken).toEqual(['a1', 'a reset', 'a2'])
})

test('an item that waits for its next try holds back the later ones of its key, and nobody else', async () => {
  const runtime = virtualRuntime()
  const done: string[] = []
  let tries = 0
  @Service('store')
  class Store {
    @Listener(Moved, { batch: { size: 6, wait: '10ms' }, concurrency: 2 })
    store(messages: readonly Moved[], items: readonly BatchItem[]): void {
      const bad = messages.findIndex(({ id, n }) => id === 'a' && n === 1)
      if (bad >= 0 && tries++ < 2) return items[bad]?.fail(new Retry({ after: '1m' }))
      done.push(...messages.map(({ id, n }) => `${id}${n}`))
    }
  }
  const { app } = await startApp({ runtime, services: [Store] })

  await app.publish(['a1', 'b1', 'a2', 'b2', 'a3', 'b3'].map((text) => new Moved({ id: text[0] as string, n: Number(text[1]) })))
  await runtime.advance('1s')
  await app.publish(new Moved({ id: 'a', n: 4 }))
  await runtime.advance('1s')
  const before = [...done]
  await runtime.advance('2m')

  expect(before).toEqual(['b1', 'b2', 'b3'])
  expect(done.slice(3)).toEqual(['a1', 'a2', 'a3', 'a4'])
})

test('a batch that does not end in time runs its items alone, with its signal aborted', async () => {
  const runtime = virtualRuntime()
  const signals: AbortSignal[] = []
  const batches: number[][] = []
  @Service('store')
  class Store {
    @Listener(Read, { batch: { size: 2 }, timeout: '1s' })
    store(messages: readonly Read[], items: readonly BatchItem[]): Promise<void> | void {
      batches.push(messages.map(({ n }) => n))
      if (messages.length < 2) return
      signals.push(...items.map(({ signal }) => signal))

      return new Promise(() => undefined)
    }
  }
  const { app } = await startApp({ runtime, services: [Store] })

  await app.publish(reads(2))
  await runtime.advance('2s')

  expect(batches).toEqual([[0, 1], [0], [1]])
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
})

test('an item that is marked as failed when its batch has ended changes nothing, and the log says so', async () => {
  const runtime = virtualRuntime()
  const marked = gate()
  const { type, batches } = storing((_ns, items) => void marked.opened.then(() => items[1]?.fail(new Error('no such meter.'))), { size: 2 })
  const warnings: string[] = []
  const quiet = (): void => undefined
  const { app } = await startApp({ runtime, services: [type], log: { debug: quiet, info: quiet, error: quiet, warn: (text) => void warnings.push(text) } })

  await app.publish(reads(2))
  await runtime.advance('1s')
  marked.open()
  await runtime.advance('1s')

  expect(warnings).toEqual([
    'Store.store marked a message as failed after its batch had ended, so that changed nothing: no such meter. Await what may fail before the method returns.',
  ])
  expect(batches).toEqual([[0, 1]])
})

test('middleware stands around a batch as around one message', async () => {
  const runtime = virtualRuntime()
  const seen: unknown[] = []
  const { type } = storing(() => undefined, { size: 2 })
  const { app } = await startApp({
    runtime,
    services: [type],
    middleware: [
      {
        listen(call, next) {
          seen.push([(call.message as readonly Read[]).length, call.items?.length, call.delivery.id === call.items?.[0]?.id])
          return next()
        },
      },
    ],
  })

  await app.publish(reads(2))
  await runtime.advance('1s')

  expect(seen).toEqual([[2, 2, true]])
})

test('S1 a stop lets a running batch finish, and a failing one return', async () => {
  const runtime = virtualRuntime()
  const broker = memoryBroker()
  const { opened, open } = gate()
  const { type } = storing(
    async (ns) => {
      await opened
      if (ns.includes(2)) throw new Error('no')
    },
    { size: 2, concurrency: 2 },
  )
  const { app } = await startApp({ runtime, broker, services: [type] })
  await app.publish(reads(4))
  await runtime.advance('1ms')

  const stopped = app.stop()
  open()
  await stopped

  expect(broker.queues().find(({ name }) => name === 'meters.store')).toMatchObject({ waiting: 2, unsettled: 0 })
})
