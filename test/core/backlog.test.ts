import { createApp, Event, PublishError } from '@waybill/core'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { virtualRuntime } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Noted extends Event('notes.noted', { payload: z.object({}) }) {}
class Filed extends Event('files.filed', { payload: z.object({}) }) {}
class Said extends Event('talk.said', { payload: z.object({ text: z.string() }) }) {}

function said(count: number, text = 'x'): readonly Said[] {
  return Array.from({ length: count }, () => new Said({ text }))
}

async function talk(backlog: { messages?: number; bytes?: number }): Promise<Awaited<ReturnType<typeof startApp>> & { runtime: ReturnType<typeof virtualRuntime> }> {
  const runtime = virtualRuntime()

  return { runtime, ...(await startApp({ runtime, broker: memoryBroker({ runtime }), services: [], backlog, publishDeadline: '10s' })) }
}

test('when too much is not confirmed, publish waits for room, and health says so', async () => {
  const { app, broker, runtime } = await talk({ messages: 5 })
  await app.publish(said(1))
  broker.block()
  const settled: number[] = []

  const publishes = Array.from({ length: 8 }, async (_, n) => {
    await app.publish(said(1))
    settled.push(n)
  })
  await runtime.advance('1s')
  const full = app.health()
  broker.unblock()
  await runtime.advance('1s')
  await Promise.all(publishes)

  expect(full.publishers).toMatchObject([{ transport: 'memory', unsettled: 5, waiting: 3 }])
  expect(full.ready).toBe(false)
  expect(full.reasons.join()).toContain('3 callers wait to publish behind 5 messages')
  expect(settled).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(app.health().publishers).toEqual([{ transport: 'memory', unsettled: 0, bytes: 0, waiting: 0 }])
})

test('bytes count as messages do', async () => {
  const { app, broker, runtime } = await talk({ bytes: 1_000 })
  await app.publish(said(1))
  broker.block()

  const publishes = [app.publish(said(1, 'y'.repeat(2_000))), app.publish(said(1))]
  await runtime.advance('1s')
  const { publishers, reasons } = app.health()
  broker.unblock()
  await runtime.advance('1s')
  await Promise.all(publishes)

  expect(publishers).toMatchObject([{ unsettled: 1, waiting: 1 }])
  expect(reasons.join()).toContain('1 caller waits to publish behind 1 message (')
})

test('P5 a caller for whom there is no room within the deadline hears that its message was never sent', async () => {
  const { app, broker, runtime } = await talk({ messages: 1 })
  await app.publish(said(1))
  broker.block()
  const from = runtime.elapsed()

  const first = app.publish(said(1)).catch((error: unknown) => error)
  const second = app.publish(said(2)).catch((error: unknown) => error)
  let took = 0
  void second.then(() => {
    took = runtime.elapsed() - from
  })
  await runtime.advance('30s')

  expect(await first).toBeInstanceOf(PublishError)
  expect(((await second) as PublishError).failures.map(({ outcome }) => outcome.kind)).toEqual(['rejected', 'rejected'])
  expect(took).toBeLessThanOrEqual(10_000)
  expect(runtime.pending().timers).toBe(0)
})

test('what waited for room keeps the deadline that its caller began with', async () => {
  const { app, broker, runtime } = await talk({ messages: 1 })
  await app.publish(said(1))
  broker.block()
  const from = runtime.elapsed()
  const first = app.publish(said(1)).catch(() => undefined)
  await runtime.advance('8s')

  const second = app.publish(said(1)).catch((error: unknown) => error)
  let took = 0
  void second.then(() => {
    took = runtime.elapsed() - from
  })
  await runtime.advance('30s')
  await first

  expect(((await second) as PublishError).failures).toHaveLength(1)
  expect(took).toBe(18_000)
})

test('a caller that gives up leaves the line', async () => {
  const { app, broker, runtime } = await talk({ messages: 1 })
  await app.publish(said(1))
  broker.block()
  const abort = new AbortController()

  const first = app.publish(said(1))
  const second = app.publish(said(1), { signal: abort.signal }).catch((error: unknown) => error)
  await runtime.advance('1s')
  abort.abort()
  const { publishers } = app.health()
  broker.unblock()
  await runtime.advance('1s')
  await first

  expect(publishers).toMatchObject([{ waiting: 0 }])
  expect(((await second) as PublishError).code).toBe('REJECTED')
})

test('one call with more messages than the backlog is taken whole', async () => {
  const { app, runtime } = await talk({ messages: 5 })

  const publishes = [app.publish(said(50)), app.publish(said(50))]
  await runtime.advance('1s')
  await Promise.all(publishes)

  expect(app.health().publishers).toMatchObject([{ unsettled: 0, waiting: 0 }])
})

test.each(['notes', 'files'] as const)('a publish to two transports sends what one takes and waits for the other, where the room for "%s" is full', async (slow) => {
  const { app, runtime, brokers } = await twoTransports()
  const other = slow === 'notes' ? 'files' : 'notes'
  brokers[slow].block()
  const first = app.publish(slow === 'notes' ? new Noted({}) : new Filed({}))

  const second = app.publish([new Noted({}), new Filed({})])
  await runtime.advance('1s')
  const during = app.health().publishers
  brokers[slow].unblock()
  await runtime.advance('1s')
  await Promise.all([first, second])

  expect(during.find(({ transport }) => transport === slow)).toMatchObject({ unsettled: 1, waiting: 1 })
  expect(during.find(({ transport }) => transport === other)).toMatchObject({ unsettled: 0, waiting: 0 })
})

test('a publish to two transports waits for each of them that is full, and names by its place what was never sent', async () => {
  const { app, runtime, brokers } = await twoTransports()
  brokers.notes.block()
  brokers.files.block()
  const first = [new Noted({}), new Filed({})].map((message) => app.publish(message).catch((error: unknown) => error))
  await runtime.advance('5s')

  const second = app.publish([new Noted({}), new Filed({}), new Filed({})]).catch((error: unknown) => error)
  await runtime.advance('1s')
  const during = app.health().publishers
  brokers.notes.unblock()
  await runtime.advance('30s')

  expect(during).toMatchObject([
    { transport: 'notes', unsettled: 1, waiting: 1 },
    { transport: 'files', unsettled: 1, waiting: 1 },
  ])
  expect(((await second) as PublishError).failures.map(({ index, messageName }) => [index, messageName])).toEqual([
    [1, 'files.filed'],
    [2, 'files.filed'],
  ])
  expect((await Promise.all(first)).map((end) => end instanceof PublishError)).toEqual([false, true])
  expect(runtime.pending().timers).toBe(0)
})

/** An app with room for one message on each of two brokers. */
async function twoTransports() {
  const runtime = virtualRuntime()
  const brokers = { notes: memoryBroker({ runtime }), files: memoryBroker({ runtime }) }
  const app = createApp({
    name: 'test',
    services: [],
    signals: false,
    log: false,
    runtime,
    backlog: { messages: 1 },
    transports: { notes: memory({ broker: brokers.notes }), files: memory({ broker: brokers.files }) },
    channels: { notes: { transport: 'notes' }, files: { transport: 'files' } },
  })
  onTestFinished(() => app.stop())
  await app.start()
  for (const message of [new Noted({}), new Filed({})]) await app.publish(message)

  return { app, runtime, brokers }
}
