import { Event, Listener, Service } from '@waybill/core'
import { type VirtualRuntime, virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Asked extends Event('pace.asked', { payload: z.object({ n: z.number() }) }) {}

interface Work {
  readonly running: number[]
  tookMs: (running: number) => number
}

async function working(runtime: VirtualRuntime, concurrency: [number, number], tookMs: Work['tookMs']): Promise<{ work: Work; publish(count: number): Promise<void> }> {
  const work: Work = { running: [], tookMs }
  let running = 0
  @Service('worker')
  class Worker {
    @Listener(Asked, { concurrency })
    async on(): Promise<void> {
      work.running.push(++running)
      try {
        await new Promise<void>((resolve) => void runtime.after(work.tookMs(running), resolve))
      } finally {
        running--
      }
    }
  }
  const { app } = await startApp({ runtime, services: [Worker] })

  return { work, publish: (count) => app.publish(Array.from({ length: count }, (_, n) => new Asked({ n }))) }
}

test('a listener with two bounds begins at the lower one and grows to the upper one while its work stays fast', async () => {
  const runtime = virtualRuntime()
  const { work, publish } = await working(runtime, [2, 12], () => 50)

  await publish(3_000)
  await runtime.advance('100ms')
  const first = Math.max(...work.running)
  await runtime.advance('1m')

  expect(first).toBe(2)
  expect(Math.max(...work.running)).toBe(12)
})

test('it goes back when its work gets slower with more of it at once', async () => {
  const runtime = virtualRuntime()
  const { work, publish } = await working(runtime, [1, 40], (running) => (running <= 8 ? 20 : 20 * running))

  await publish(8_000)
  await runtime.advance('30s')
  const all = [...work.running]
  const late = all.slice(-300)
  work.tookMs = () => 1
  await runtime.advance('5m')

  expect(Math.max(...all)).toBeLessThan(16)
  expect(Math.max(...late)).toBeGreaterThan(3)
})

test('it grows while long work is under way, once it is known how long that takes', async () => {
  const runtime = virtualRuntime()
  const { work, publish } = await working(runtime, [1, 100], () => 10_000)

  await publish(150)
  await runtime.advance('9s')
  const before = Math.max(...work.running)
  await runtime.advance('18s')
  const after = Math.max(...work.running)
  await runtime.advance('1m')

  expect(before).toBe(1)
  expect(after).toBeGreaterThan(40)
})

test('long work that gets slower with more of it at once does not grow without end', async () => {
  const runtime = virtualRuntime()
  const { work, publish } = await working(runtime, [1, 100], (running) => (running <= 4 ? 2_000 : 1_000 * running))

  await publish(600)
  await runtime.advance('30m')

  expect(work.running.length).toBe(600)
  expect(Math.max(...work.running)).toBeLessThan(40)
})

test('work that failed at once, and now takes its time, is not taken for slow', async () => {
  const runtime = virtualRuntime()
  let isAway = true
  const { work, publish } = await working(runtime, [2, 12], () => {
    if (isAway) throw new Error('The database is away.')

    return 50
  })

  await publish(500)
  await runtime.advance('1s')
  isAway = false
  work.running.length = 0
  await publish(1_000)
  await runtime.advance('5m')

  expect(Math.max(...work.running)).toBe(12)
})

test.for([0, 1, 6])('after one message that took %i ms, work that takes its time is not taken for slow for long', async (quickMs) => {
  const runtime = virtualRuntime()
  const { work, publish } = await working(runtime, [1, 50], () => quickMs)
  await publish(1)
  await runtime.advance('1s')

  work.tookMs = () => 20
  await publish(9_000)
  await runtime.advance('10s')

  expect(Math.max(...work.running)).toBe(50)
})

test('without work it stays where it is, and holds no timer', async () => {
  const runtime = virtualRuntime()
  const { work, publish } = await working(runtime, [2, 12], () => 50)
  await publish(1)
  await runtime.advance('2m')

  expect(work.running).toEqual([1])
  expect(runtime.pending().timers).toBe(0)
})

test('I10 the same seed gives the same pace', async () => {
  const histories = []
  for (let i = 0; i < 2; i++) {
    const runtime = virtualRuntime(7)
    const { work, publish } = await working(runtime, [1, 20], (running) => 10 + runtime.random() * running * 10)
    await publish(500)
    await runtime.advance('20s')
    histories.push(work.running)
  }

  expect(histories[0]).toEqual(histories[1])
})
