import { type App, Command, createApp, Event, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { memoryDatabase, memoryStore } from '@waybill/store-memory'
import { eventually } from '@waybill/testing'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { onTestFinished, expect, test } from 'vitest'
import { z } from 'zod'
import { startBed, Told } from './bed.js'

const payload = z.object({ key: z.string(), n: z.number() })

class Moved extends Event('moved.moved', { key: 'key', payload }) {}
class Orphan extends Command('orphan.orphan', { key: 'key', channel: 'moved', payload }) {}

@Service('audience')
class Audience {
  readonly heard: string[] = []
  readonly ids: string[] = []

  @Listener(Moved, { transaction: false })
  hear({ key, n }: Moved, { id }: { id: string }): void {
    this.heard.push(`${key}${n}`)
    this.ids.push(id)
  }

  @Listener(Told, { transaction: false })
  told({ n }: Told, { id }: { id: string }): void {
    this.heard.push(`told ${n}`)
    this.ids.push(id)
  }
}

@Service('echo')
class Echo {
  constructor(@Publisher(Told) private readonly tell: Publish<Told>) {}

  @Listener(Moved)
  async echo({ n }: Moved): Promise<void> {
    await this.tell({ n })
  }
}

const move = (app: App, key: string, n: number): Promise<void> => app.transaction(() => app.publish(new Moved({ key, n })))

test('O7 what is committed while the broker is down is sent when it is back, unaided and in order', async () => {
  const { app, broker, outbox: box } = await startBed({ services: [Audience] })

  broker.stop()
  for (let n = 1; n <= 30; n++) await move(app, n % 2 ? 'a' : 'b', n)
  const [during] = await box.status()
  broker.start()
  await eventually(() => app.get(Audience).heard.length >= 30, { within: 15_000 })

  expect(during?.pending).toBe(30)
  expect(new Set(app.get(Audience).heard).size).toBe(30)
  expect((await box.parked()).length).toBe(0)
  for (const key of ['a', 'b']) {
    const own = [...new Set(app.get(Audience).heard)].filter((one) => one.startsWith(key)).map((one) => Number(one.slice(1)))
    expect(own).toEqual([...own].sort((x, y) => x - y))
  }
})

test('O6 a message that nobody takes parks its key; others flow, and a retry sends it before what waits behind it', async () => {
  const database = memoryDatabase()
  const { app, broker, outbox: box, lines } = await startBed({ services: [Audience], database })

  await app.transaction(() => app.publish([new Moved({ key: 'a', n: 1 }), new Orphan({ key: 'a', n: 2 }), new Moved({ key: 'a', n: 3 }), new Moved({ key: 'b', n: 4 })]))
  await eventually(async () => (await box.parked()).length === 2)
  await move(app, 'a', 5)
  await eventually(async () => (await box.parked()).length === 3)
  const parked = await box.parked()
  const line = lines.find((one) => one.includes('parked'))

  expect(app.get(Audience).heard).toEqual(['a1', 'b4'])
  expect(parked.map(({ key, code, destination }) => [key, code, destination])).toEqual([
    ['a', 'UNROUTABLE', 'moved'],
    ['a', 'BEHIND', 'moved'],
    ['a', 'BEHIND', 'moved'],
  ])
  expect(line).toContain('parked')

  broker.queue('rescue')
  broker.bind('rescue', 'moved', 'orphan.#')
  expect(await box.retry()).toBe(3)
  await eventually(() => app.get(Audience).heard.length === 4, { within: 10_000 })
  await move(app, 'a', 6)
  await eventually(() => app.get(Audience).heard.length === 5, { within: 10_000 })

  expect(app.get(Audience).heard.slice(2)).toEqual(['a3', 'a5', 'a6'])
  expect(await box.parked()).toEqual([])
})

test('what is discarded is gone, and what waited behind it goes', async () => {
  const { app, outbox: box, lines } = await startBed({ services: [Audience] })
  await app.transaction(() => app.publish([new Orphan({ key: 'a', n: 1 }), new Moved({ key: 'a', n: 2 })]))
  await eventually(async () => (await box.parked()).length === 2)

  const count = await box.discard({ code: 'UNROUTABLE' }, 'nobody wants it')
  await eventually(() => app.get(Audience).heard.length === 1, { within: 10_000 })

  expect([count, app.get(Audience).heard, await box.parked()]).toEqual([1, ['a2'], []])
  expect(lines.some((line) => line.includes('nobody wants it'))).toBe(true)
})

test('the status of an outbox can be written as JSON', async () => {
  const { outbox: box } = await startBed({ services: [] })
  await eventually(async () => (await box.status())[0]?.owner !== undefined)

  const status: unknown = JSON.parse(JSON.stringify(await box.status()))

  expect(status).toMatchObject([{ pending: 0, parked: 0, isPaused: false, epoch: 1 }])
})

test('O5 of two processes one sends; the other takes over when it stops', async () => {
  const [broker, database] = [memoryBroker(), memoryDatabase()]
  const first = await startBed({ services: [], broker, database })
  const second = await startBed({ services: [Audience], broker, database })
  await eventually(async () => (await first.outbox.status())[0]?.owner !== undefined)
  const before = (await first.outbox.status())[0]?.owner

  await move(second.app, 'a', 1)
  await eventually(() => second.app.get(Audience).heard.length === 1)
  await first.app.stop()
  await move(second.app, 'a', 2)
  await eventually(() => second.app.get(Audience).heard.length === 2)
  const after = (await second.outbox.status())[0]?.owner

  expect(second.app.get(Audience).heard).toEqual(['a1', 'a2'])
  expect(after).not.toBe(before)
})

test('a process that stops sends what it has committed before it goes', async () => {
  const { app, broker } = await startBed({ services: [] })
  broker.queue('all')

  await app.publish(new Told({ n: 0 }))
  broker.bind('all', 'told', '#')
  await app.transaction(() => app.publish(Array.from({ length: 50 }, (_, n) => new Told({ n }))))
  await app.stop()

  expect(broker.queues().find(({ name }) => name === 'all')?.waiting).toBe(50)
})

test('a process without a relay leaves the sending to one beside it', async () => {
  const [broker, database] = [memoryBroker(), memoryDatabase()]
  const writer = await startBed({ services: [], broker, database, outbox: { relay: false } })
  await move(writer.app, 'a', 1)

  const relay = await startBed({ services: [Audience], broker, database })
  await eventually(() => relay.app.get(Audience).heard.length === 1)
  await move(writer.app, 'a', 2)
  await eventually(() => relay.app.get(Audience).heard.length === 2)

  expect(relay.app.get(Audience).heard).toEqual(['a1', 'a2'])
})

test('each of several transports has a relay of its own, and an outage of one stalls the other in nothing', async () => {
  const [one, two, database] = [memoryBroker(), memoryBroker(), memoryDatabase()]
  const box = outbox(memoryStore({ database }))
  const app = createApp({
    name: 'test',
    signals: false,
    log: false,
    services: [Audience],
    transports: { one: memory({ broker: one }), two: memory({ broker: two }) },
    channels: { told: { transport: 'two' } },
    plugins: [box],
  })
  onTestFinished(() => app.stop())
  await app.start()

  one.stop()
  await app.transaction(() => app.publish([new Moved({ key: 'a', n: 1 }), new Told({ n: 2 })]))
  await eventually(() => app.get(Audience).heard.length === 1)
  const pending = (await box.status()).map(({ shard, pending: count }) => [shard, count])
  one.start()
  await eventually(() => app.get(Audience).heard.length === 2, { within: 15_000 })

  expect(pending).toEqual([
    ['one', 1],
    ['two', 0],
  ])
  expect(app.get(Audience).heard).toEqual(['told 2', 'a1'])
})

test('a pause keeps everything, in every process, until it ends', async () => {
  const { app, outbox: box } = await startBed({ services: [Audience] })

  await box.pause()
  await move(app, 'a', 1)
  const [paused] = await box.status()
  await box.resume()
  await eventually(() => app.get(Audience).heard.length === 1)

  expect([paused?.isPaused, paused?.pending]).toEqual([true, 1])
  await expect(box.pause('nowhere')).rejects.toMatchObject({ code: 'UNKNOWN_TRANSPORT' })
})

test('a delayed publish of a transaction is a timer, which can be listed, moved and cancelled', async () => {
  const { app, outbox: box } = await startBed({ services: [Audience] })
  const publish = (n: number): Promise<void> => app.transaction(() => app.publish(new Told({ n }), { delay: '1h', id: `m-${n}` }))
  await publish(1)
  await publish(2)

  const listed = await box.timers()
  const isCancelled = await box.cancelTimer('m-1')
  const isMoved = await box.moveTimer('m-2', '-2h' as never).catch((error: { code: string }) => error.code)
  await box.moveTimer('m-2', '1ms')
  const left = await box.timers()

  expect(listed.map(({ id, target, subject }) => [id, target, subject])).toEqual([
    ['m-1', 'publish', 'told'],
    ['m-2', 'publish', 'told'],
  ])
  expect([isCancelled, isMoved, left.map(({ id }) => id)]).toEqual([true, 'DURATION', ['m-2']])
  await app.transaction(() => app.publish(new Told({ n: 3 }), { delay: '20ms' }))
  await eventually(() => app.get(Audience).heard.length === 1)
  expect(app.get(Audience).heard).toEqual(['told 3'])
})

test('what the broker does not take is stored and sent later, in order, where the channel says so', async () => {
  const { app, broker } = await startBed({ services: [Audience], channels: { moved: { fallback: 'outbox' } }, publishDeadline: '200ms' })
  await app.publish(new Moved({ key: 'a', n: 1 }))

  broker.stop()
  await app.publish(new Moved({ key: 'a', n: 2 }))
  await app.publish(new Moved({ key: 'a', n: 3 }))
  await expect(app.publish(new Told({ n: 4 }))).rejects.toMatchObject({ code: 'REJECTED' })
  broker.start()
  await eventually(() => app.get(Audience).heard.length >= 3, { within: 15_000 })

  expect(app.get(Audience).heard).toEqual(['a1', 'a2', 'a3'])
})

test('O12 a database that is away for a while stops nothing for good', async () => {
  const { app, database, lines } = await startBed({ services: [Audience] })

  database.stop()
  await expect(move(app, 'a', 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  const health = app.health()
  await eventually(() => lines.some((line) => line.includes('cannot use its store')), { within: 5_000 })
  database.start()
  await move(app, 'a', 2)
  await eventually(() => app.get(Audience).heard.length === 1, { within: 15_000 })

  expect([health.ready, health.reasons.join(' ')]).toEqual([false, expect.stringContaining('The store "memory" is not connected')])
  expect(app.get(Audience).heard).toEqual(['a2'])
})

test('O1 a commit whose answer was lost runs again, and its message keeps one id', async () => {
  const { app, database, broker } = await startBed({ services: [Audience, Echo] })

  database.loseCommits(1)
  await app.publish(new Moved({ key: 'a', n: 1 }), { id: 'cause' })
  await eventually(() => app.get(Audience).ids.length >= 2, { within: 10_000 })
  await eventually(() => broker.queues().every(({ waiting, unsettled }) => waiting + unsettled === 0), { within: 10_000 })

  expect(new Set(app.get(Audience).ids).size).toBe(2)
})
