import { Backoff } from '@waybill/core'
import { virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'

test('waits for the next try grow up to half a minute, differ, and are short again after a success', () => {
  const backoff = new Backoff(virtualRuntime())

  const waits = Array.from({ length: 200 }, () => backoff.next())
  backoff.reset()
  const after = backoff.next()

  for (const [tries, ms] of waits.entries()) expect(ms).toBeLessThanOrEqual(Math.min(30_000, 100 * 2 ** tries))
  expect(Math.max(...waits)).toBeGreaterThan(25_000)
  expect(new Set(waits).size).toBeGreaterThan(150)
  expect(after).toBeLessThanOrEqual(100)
})

test('a wait is no longer than its caller allows', () => {
  const backoff = new Backoff(virtualRuntime())

  const waits = Array.from({ length: 200 }, () => backoff.next(4_000))

  expect(Math.max(...waits)).toBeLessThanOrEqual(4_000)
})

test('a wait ends when its time has come, when it is cut short, and when all are cancelled', async () => {
  const runtime = virtualRuntime()
  const backoff = new Backoff(runtime)
  const told: number[] = []
  const tell = (ms: number): void => void told.push(ms)

  const waited = backoff.pause(tell)
  await runtime.advance('100ms')
  await waited
  const hurried = backoff.pause(tell)
  backoff.hurry()
  await hurried
  const cancelled = backoff.pause(tell)
  backoff.cancel()
  await cancelled
  await backoff.pause(tell)

  expect(told).toHaveLength(3)
})
