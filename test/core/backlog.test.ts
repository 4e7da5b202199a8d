import { Event, PublishError } from '@waybill/core'
import { memoryBroker } from '@waybill/transport-memory'
import { virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

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
  const { publishers } = app.health()
  broker.unblock()
  await runtime.advance('1s')
  await Promise.all(publishes)

  expect(publishers).toMatchObject([{ unsettled: 1, waiting: 1 }])
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
