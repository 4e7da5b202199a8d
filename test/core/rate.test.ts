import { type BatchItem, Event, Listener, Service } from '@waybill/core'
import { memoryBroker } from '@waybill/transport-memory'
import { eventually, type VirtualRuntime, virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

class Called extends Event('calls.called', { payload: z.object({ tenant: z.string(), n: z.number() }) }) {}
class Rung extends Event('calls.rung', { key: 'phone', payload: z.object({ phone: z.string(), n: z.number() }) }) {}

interface Taken {
  readonly what: string
  readonly at: number
}

function caller(runtime: VirtualRuntime, rate: { limit: number; per: '1s'; by?: string }, concurrency = 2): { type: new () => object; taken: Taken[] } {
  const taken: Taken[] = []
  @Service('caller')
  class Caller {
    @Listener(Called, { rate, concurrency })
    on({ tenant, n }: Called): void {
      taken.push({ what: `${tenant}${n}`, at: runtime.elapsed() })
    }
  }

  return { type: Caller, taken }
}

function calls(tenant: string, count: number): readonly Called[] {
  return Array.from({ length: count }, (_, n) => new Called({ tenant, n }))
}

test('a listener with a rate takes its limit at once, then as many in each period, in their order', async () => {
  const runtime = virtualRuntime()
  const { type, taken } = caller(runtime, { limit: 4, per: '1s' })
  const { app } = await startApp({ runtime, services: [type] })

  await app.publish(calls('a', 12))
  await runtime.advance('10s')

  expect(taken.map(({ what }) => what)).toEqual(Array.from({ length: 12 }, (_, n) => `a${n}`))
  expect(taken.map(({ at }) => at)).toEqual([0, 0, 0, 0, 250, 500, 750, 1000, 1250, 1500, 1750, 2000])
})

test('a rate by a field counts each of its values by itself: one over its rate blocks no other', async () => {
  const runtime = virtualRuntime()
  const { type, taken } = caller(runtime, { limit: 1, per: '1s', by: 'tenant' }, 1)
  const { app } = await startApp({ runtime, services: [type] })

  await app.publish([...calls('a', 2), ...calls('b', 2)])
  await runtime.advance('10s')

  expect(taken).toEqual([
    { what: 'a0', at: 0 },
    { what: 'b0', at: 0 },
    { what: 'a1', at: 1_000 },
    { what: 'b1', at: 1_000 },
  ])
})

test('a job over the rate holds no slot', async () => {
  const runtime = virtualRuntime()
  const { type, taken } = caller(runtime, { limit: 1, per: '1s', by: 'tenant' }, 1)
  const { app } = await startApp({ runtime, services: [type] })

  await app.publish(calls('a', 2))
  await runtime.advance('1ms')
  const running = app.health().consumers[0]?.running
  await app.publish(calls('b', 1))
  await runtime.advance('1ms')

  expect(running).toBe(0)
  expect(taken.map(({ what }) => what)).toEqual(['a0', 'b0'])
})

test('a key over the rate keeps its order', async () => {
  const runtime = virtualRuntime()
  const taken: string[] = []
  @Service('caller')
  class Caller {
    @Listener(Rung, { rate: { limit: 1, per: '1s', by: 'phone' } })
    on({ phone, n }: Rung): void {
      taken.push(`${phone}${n}`)
    }
  }
  const { app } = await startApp({ runtime, services: [Caller] })

  await app.publish([1, 2, 3].flatMap((n) => ['x', 'y'].map((phone) => new Rung({ phone, n }))))
  await runtime.advance('10s')

  expect(taken).toEqual(['x1', 'y1', 'x2', 'y2', 'x3', 'y3'])
})

test('a batch takes no more than the rate allows', async () => {
  const runtime = virtualRuntime()
  const batches: (readonly [number, number])[] = []
  @Service('caller')
  class Caller {
    @Listener(Called, { rate: { limit: 3, per: '1s' }, batch: { size: 10, wait: '10ms' } })
    on(messages: readonly Called[], _items: readonly BatchItem[]): void {
      batches.push([runtime.elapsed(), messages.length])
    }
  }
  const { app } = await startApp({ runtime, services: [Caller] })

  await app.publish(calls('a', 6))
  await runtime.advance('10s')

  expect(batches[0]).toEqual([10, 3])
  expect(batches.reduce((sum, [, count]) => sum + count, 0)).toBe(6)
  expect(batches.at(-1)?.[0]).toBeGreaterThanOrEqual(1_000)
})

test('the messages of a batch wait for the rate together, and lose nothing of it', async () => {
  const runtime = virtualRuntime()
  const batches: (readonly [number, number])[] = []
  @Service('caller')
  class Caller {
    @Listener(Called, { rate: { limit: 100, per: '1s' }, batch: { size: 50, wait: '500ms' }, concurrency: 1 })
    on(messages: readonly Called[], _items: readonly BatchItem[]): void {
      batches.push([runtime.elapsed(), messages.length])
    }
  }
  const { app } = await startApp({ runtime, services: [Caller] })

  await app.publish(calls('a', 400))
  await runtime.advance('10s')

  expect(batches.reduce((sum, [, count]) => sum + count, 0)).toBe(400)
  expect(batches.at(-1)?.[0]).toBeLessThanOrEqual(3_100)
  expect(batches.length).toBeLessThanOrEqual(10)
})

test('those of one key wait for the rate together too', async () => {
  const runtime = virtualRuntime()
  const batches: (readonly [number, string])[] = []
  @Service('caller')
  class Caller {
    @Listener(Rung, { rate: { limit: 2, per: '1s', by: 'phone' }, batch: { size: 10, wait: '2s' } })
    on(messages: readonly Rung[], _items: readonly BatchItem[]): void {
      batches.push([runtime.elapsed(), messages.map(({ phone, n }) => `${phone}${n}`).join(' ')])
    }
  }
  const { app } = await startApp({ runtime, services: [Caller] })

  await app.publish([1, 2, 3, 4, 5, 6].map((n) => new Rung({ phone: 'x', n })))
  await runtime.advance('10s')

  expect(batches).toEqual([
    [2_000, 'x1 x2'],
    [3_000, 'x3 x4'],
    [4_000, 'x5 x6'],
  ])
})

test('a stop leaves what waits for its rate to the next process', async () => {
  const runtime = virtualRuntime()
  const { type } = caller(runtime, { limit: 1, per: '1s' })
  const { app, broker } = await startApp({ runtime, services: [type] })
  await app.publish(calls('a', 5))
  await runtime.advance('1ms')

  await app.stop()

  expect(broker.queues().find(({ name }) => name === 'calls.caller')).toMatchObject({ waiting: 4, unsettled: 0 })
  expect(runtime.pending().timers).toBe(0)
})

test('one whose time by its rate has come goes before those that wait for a slot', async () => {
  const runtime = virtualRuntime()
  const { taken, broker, services, releases } = tenants(runtime)
  const { app } = await startApp({ runtime, broker, services })

  await app.publish([...calls('a', 2), ...calls('b', 1), ...calls('c', 1), ...calls('d', 1)])
  await runtime.advance('1s')
  for (const release of [releases.b0, releases.c0, releases.d0]) {
    release.open()
    await runtime.advance('1ms')
  }

  expect(taken).toEqual(['a0', 'b0', 'a1', 'c0', 'd0'])
})

test('those of a rate go on when the connection is lost while the one whose time has come waits for a slot', async () => {
  const runtime = virtualRuntime()
  const { taken, broker, services, releases } = tenants(runtime)
  const { app } = await startApp({ runtime, broker, services })

  await app.publish([...calls('a', 3), ...calls('b', 1)])
  await runtime.advance('1s')
  broker.disconnect()
  await runtime.advance('1s')
  releases.b0.open()
  await runtime.advance('10s')

  expect(taken.filter((what) => what.startsWith('a'))).toEqual(['a0', 'a1', 'a2'])
  expect(app.health().consumers[0]).toMatchObject({ unsettled: 0 })
})

test('a clock that rings a moment too early changes no order', async () => {
  const runtime = virtualRuntime()
  const after = runtime.after.bind(runtime)
  runtime.after = (ms, work) => after(ms > 100 ? ms - 1 : ms, work)
  const { type, taken } = caller(runtime, { limit: 1, per: '1s' })
  const { app } = await startApp({ runtime, services: [type] })

  await app.publish(calls('a', 5))
  await runtime.advance('10s')

  expect(taken.map(({ what }) => what)).toEqual(['a0', 'a1', 'a2', 'a3', 'a4'])
})

/** Takes one at a time, one a second of each tenant; all but those of "a" run until they are released. */
function tenants(runtime: VirtualRuntime) {
  const taken: string[] = []
  const releases = { b0: gate(), c0: gate(), d0: gate() }
  @Service('caller')
  class Caller {
    @Listener(Called, { rate: { limit: 1, per: '1s', by: 'tenant' }, concurrency: 1 })
    async on({ tenant, n }: Called): Promise<void> {
      taken.push(`${tenant}${n}`)
      await releases[`${tenant}${n}` as keyof typeof releases]?.opened
    }
  }

  return { taken, broker: memoryBroker({ runtime }), services: [Caller], releases }
}

test('a rate by a field that the payload does not have is told of once', async () => {
  const told: string[] = []
  @Service('caller')
  class Caller {
    taken = 0

    @Listener(Called, { rate: { limit: 10, per: '1s', by: 'tenannt' } })
    call(): void {
      this.taken++
    }
  }
  const note = (): void => undefined
  const { app } = await startApp({ services: [Caller], log: { debug: note, info: note, warn: (text) => void told.push(text), error: note } })

  await app.publish(calls('a', 2))
  await eventually(() => app.get(Caller).taken === 2)

  expect(told).toEqual([expect.stringMatching(/^Caller\.call has `rate\.by` "tenannt", and a payload of "[^"]+" has no .* there/)])
})
