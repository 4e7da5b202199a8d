import { type App, createApp, Event, Listener, type Runtime, Service } from '@waybill/core'
import { virtualRuntime } from '@waybill/testing'
import { memory, memoryBroker, type MemoryBroker } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Weighed extends Event('crates.weighed', { key: 'id', payload: z.object({ id: z.string(), n: z.number() }) }) {}

const crates = Array.from({ length: 24 }, (_, n) => new Weighed({ id: `crate${n % 8}`, n }))

/** What a scale took of one crate, in its order. */
function ofCrate(taken: readonly number[], crate: number): readonly number[] {
  return taken.filter((n) => n % 8 === crate)
}

function inOrder(taken: readonly number[]): boolean {
  return Array.from({ length: 8 }, (_, crate) => ofCrate(taken, crate)).every((ones, crate) => String(ones) === String([crate, crate + 8, crate + 16]))
}

/** A scale that takes nothing until it is repaired. */
function brokenScale(): { readonly taken: number[]; readonly Scale: new () => object; repair(): void } {
  const taken: number[] = []
  let isBroken = true
  @Service('scale')
  class Scale {
    @Listener(Weighed, { concurrency: 2, retry: { attempts: 5, backoff: ['1h'] } })
    on({ n }: Weighed): void {
      if (isBroken) throw new Error('The scale is broken.')
      taken.push(n)
    }
  }

  return { taken, Scale, repair: () => void (isBroken = false) }
}

/** An app whose transport loses what it delivered without a word about its connection, as when a broker closes one channel. */
async function startUntold(runtime: Runtime, Scale: new () => object): Promise<{ app: App; broker: MemoryBroker }> {
  const broker = memoryBroker()
  const transport = memory({ broker })
  transport.onState = () => undefined
  const app = createApp({ name: 'test', signals: false, log: false, runtime, transport, services: [Scale] })
  onTestFinished(() => app.stop())
  await app.start()

  return { app, broker }
}

test('messages that wait an hour for their next try come again at once after a lost connection, in the order of their keys', async () => {
  const runtime = virtualRuntime()
  const { taken, Scale, repair } = brokenScale()
  const { app, broker } = await startApp({ runtime, services: [Scale] })
  await app.publish(crates)
  await runtime.advance('1s')
  const before = app.health()

  repair()
  broker.disconnect()
  await runtime.advance('10s')

  expect(before.consumers[0]).toMatchObject({ blocked: 16, paused: true, unsettled: 16 })
  expect(taken).toHaveLength(24)
  expect(inOrder(taken)).toBe(true)
  expect(app.health()).toMatchObject({ ready: true, reasons: [], consumers: [{ blocked: 0, paused: false, unsettled: 0 }] })
})

test('a message that comes again does not wait behind itself', async () => {
  const runtime = virtualRuntime()
  const { taken, Scale, repair } = brokenScale()
  const { app, broker } = await startUntold(runtime, Scale)
  await app.publish(crates.slice(0, 10))
  await runtime.advance('1s')

  repair()
  broker.disconnect()
  await runtime.advance('10s')

  expect(taken.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(app.health().consumers[0]).toMatchObject({ blocked: 0, paused: false, unsettled: 0 })
})

test('a consumer that is paused by messages that it no longer has goes on within a second, and health says why it waits', async () => {
  const runtime = virtualRuntime()
  const { taken, Scale, repair } = brokenScale()
  const { app, broker } = await startUntold(runtime, Scale)
  await app.publish(crates)
  await runtime.advance('1s')
  const before = app.health()

  repair()
  broker.disconnect()
  await runtime.advance('200ms')
  const lost = app.health()
  await runtime.advance('10s')

  expect(before).toMatchObject({ ready: true, reasons: [] })
  expect(lost).toMatchObject({
    ready: false,
    reasons: [expect.stringContaining('Group "scale" on "crates" is paused with nothing unsettled: 16 deliveries')],
    consumers: [{ paused: true, unsettled: 0, blocked: 16 }],
  })
  expect(taken).toHaveLength(24)
  expect(inOrder(taken)).toBe(true)
  expect(app.health()).toMatchObject({ ready: true, reasons: [], consumers: [{ blocked: 0, paused: false, unsettled: 0 }] })
})

test('messages that wait for their rate do not wait on when their connection is lost', async () => {
  const runtime = virtualRuntime()
  const taken: number[] = []
  @Service('scale')
  class Scale {
    @Listener(Weighed, { concurrency: 2, rate: { limit: 1, per: '1h', by: 'id' } })
    on({ n }: Weighed): void {
      taken.push(n)
    }
  }
  const { app, broker } = await startApp({ runtime, services: [Scale] })
  await app.publish(crates)
  await runtime.advance('1s')

  broker.disconnect()
  const away = app.health().consumers[0]
  await runtime.advance('3h')

  expect(away).toMatchObject({ attached: false, blocked: 0, paused: false })
  expect(taken).toHaveLength(24)
  expect(inOrder(taken)).toBe(true)
})
