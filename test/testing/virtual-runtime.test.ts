import { virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'

test('no timer runs before time is advanced, and each runs at its moment', async () => {
  const runtime = virtualRuntime()
  const ran: number[] = []
  for (const ms of [300, 100, 200, 300_000]) runtime.after(ms, () => ran.push(runtime.elapsed()))

  await runtime.advance(99)
  expect(ran).toEqual([])
  await runtime.advance(201)

  expect(ran).toEqual([100, 200, 300])
  expect(runtime.elapsed()).toBe(300)
  await runtime.advance('5m')
  expect(ran.at(-1)).toBe(300_000)
})

test('timers of one moment run in the order in which they were armed', async () => {
  const runtime = virtualRuntime()
  const ran: number[] = []
  for (let n = 0; n < 100; n++) runtime.after(10, () => ran.push(n))

  await runtime.advance('10ms')

  expect(ran).toEqual(Array.from({ length: 100 }, (_, n) => n))
})

test('what a timer arms within the advance runs in it, and a timer may be disarmed by an earlier one', async () => {
  const runtime = virtualRuntime()
  const ran: string[] = []
  const disarm = runtime.after(20, () => ran.push('disarmed'))
  runtime.after(10, () => {
    disarm()
    runtime.after(5, () => ran.push('second'))
  })

  await runtime.advance(100)
  disarm()

  expect(ran).toEqual(['second'])
  expect(runtime.pending()).toEqual({ timers: 0, jobs: 0 })
})

test('promises and soon-jobs end before the next timer', async () => {
  const runtime = virtualRuntime()
  const ran: string[] = []
  runtime.after(10, () => {
    runtime.soon(() => {
      ran.push('soon')
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => runtime.soon(() => ran.push('soon after promises')))
    })
    void Promise.resolve().then(() => ran.push('promise'))
  })
  runtime.after(10, () => ran.push('second timer'))

  await runtime.advance(10)

  expect(ran).toEqual(['promise', 'soon', 'soon after promises', 'second timer'])
})

test('soon-jobs run in order, after the promises of their turn, without an advance', async () => {
  const runtime = virtualRuntime()
  const ran: number[] = []
  runtime.soon(() => ran.push(1))
  runtime.soon(() => ran.push(2))

  expect(runtime.pending()).toEqual({ timers: 0, jobs: 2 })
  await new Promise<void>((resolve) => runtime.soon(resolve))

  expect(ran).toEqual([1, 2])
})

test('an hour of timers passes when it is told to', async () => {
  const runtime = virtualRuntime()
  let ticks = 0
  const tick = () => {
    ticks++
    runtime.after(1000, tick)
  }
  runtime.after(1000, tick)

  await runtime.advance('1h')

  expect(ticks).toBe(3600)
  expect(runtime.now()).toBe(Date.UTC(2026, 0, 1, 1))
})

test('what a timer throws rejects the advance at that moment', async () => {
  const runtime = virtualRuntime()
  runtime.after(10, () => {
    throw new Error('boom')
  })
  runtime.after(20, () => {})

  await expect(runtime.advance(100)).rejects.toThrow('boom')

  expect(runtime.elapsed()).toBe(10)
  expect(runtime.pending()).toEqual({ timers: 1, jobs: 0 })
  await runtime.advance(10)
  expect(runtime.pending().timers).toBe(0)
})

test('a timer that arms itself again without a delay is found instead of hanging the test', async () => {
  const runtime = virtualRuntime()
  const again = () => {
    for (let n = 0; n < 20_000 && runtime.pending().timers < 200_000; n++) runtime.after(0, again)
  }
  runtime.after(0, again)

  await expect(runtime.advance(1)).rejects.toThrow('a timer arms itself again without a delay')
}, 60_000)

test('two advances at a time and times that make no sense are refused', async () => {
  const runtime = virtualRuntime()

  const first = runtime.advance(10)

  await expect(runtime.advance(10)).rejects.toThrow('await the call of "advance" that is under way')
  await first
  await expect(runtime.advance(-1)).rejects.toThrow('found -1')
  await expect(runtime.advance('soon' as '1s')).rejects.toThrow('found "soon"')
})

test('ids are UUIDs of version 7 of the virtual moment and grow', async () => {
  const runtime = virtualRuntime(5)

  const ids = [runtime.id(), runtime.id()]
  await runtime.advance('1s')
  ids.push(runtime.id())

  expect(ids[0]).toMatch(/^019b76da-a800-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect([...new Set(ids)].sort()).toEqual(ids)
})

/** A small world of timers, chance, ids and promises, as text. */
async function liveThrough(seed: number): Promise<string> {
  const runtime = virtualRuntime(seed)
  const events: string[] = []
  const actor = (name: string) => {
    events.push(`${runtime.now()} ${name} ${runtime.id()}`)
    runtime.soon(() => events.push(`${name} soon ${runtime.random()}`))
    void Promise.resolve().then(() => runtime.after(runtime.random() * 100, () => actor(name)))
  }
  for (const name of ['a', 'b', 'c']) actor(name)
  await runtime.advance('3s')

  return events.join('\n')
}

test('the same seed gives the same history, another seed another', async () => {
  const [one, same, other] = [await liveThrough(42), await liveThrough(42), await liveThrough(43)]

  expect(same).toBe(one)
  expect(other).not.toBe(one)
  expect(one.split('\n').length).toBeGreaterThan(200)
})
