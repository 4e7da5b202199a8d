import { Event, Listener, type RetryOptions, Service, unchecked } from '@waybill/core'
import { virtualRuntime } from '@waybill/testing'
import { memoryBroker } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { startApp } from './on-memory.js'
import { letters, Moved, moves, of } from './parked.js'

class Crate extends Event('goods.moved', { key: 'id', payload: unchecked<{ id: string; n: number | string }>() }) {}

async function batching(isBad: (text: string) => boolean, retry: RetryOptions | false = false) {
  const runtime = virtualRuntime()
  const broker = memoryBroker({ runtime })
  const batches: string[] = []

  @Service('yard')
  class Yard {
    @Listener(Moved, { retry, deadKey: 'park', batch: { size: 10, wait: '100ms' } })
    on(moved: readonly Moved[]): void {
      const texts = moved.map(({ id, n }) => `${id}${n}`)
      batches.push(texts.join(' '))
      if (texts.some(isBad)) throw new Error('no')
    }
  }
  const { app } = await startApp({ runtime, broker, services: [Yard] })
  // The first message of a queue makes the group look at its dead letters.
  await app.publish(moves('z1'))
  await runtime.advance('1s')
  batches.length = 0

  return { app, batches, runtime, broker }
}

test('with deadKey "park" a batch holds several messages of one key, in their order', async () => {
  const { app, batches, runtime } = await batching(() => false)

  await app.publish(moves('a1', 'b1', 'a2', 'a3', 'b2'))
  await runtime.advance('1s')

  expect(batches).toEqual(['a1 a2 a3 b1 b2'])
})

test('what stands behind a dead message of its key in the same batch is parked, and the others are done', async () => {
  const { app, batches, runtime } = await batching((text) => text === 'a2')

  await app.publish(moves('a1', 'a2', 'a3', 'b1', 'a4'))
  await runtime.advance('1s')

  expect(batches).toEqual(['a1 a2 a3 a4 b1', 'a1', 'a2', 'b1'])
  expect(await letters(app)).toEqual(['a2 FAILED', 'a3 PARKED', 'a4 PARKED'])
})

test('what stands behind a message that does not fit its schema is parked, and shares no batch with those before it', async () => {
  const { app, batches, runtime, broker } = await batching(() => false)
  const { app: other } = await startApp({ name: 'other', runtime, broker, services: [] })

  await other.publish([new Crate({ id: 'a', n: 1 }), new Crate({ id: 'a', n: 'two' }), new Crate({ id: 'a', n: 3 }), new Crate({ id: 'b', n: 1 })])
  await runtime.advance('1s')

  expect(batches).toEqual(['a1 b1'])
  expect(await letters(app)).toEqual(['atwo SCHEMA', 'a3 PARKED'])
})

test('a message that does not fit its schema is parked behind the one before it that dies at its last try', async () => {
  const bad = new Set(['a1'])
  const { app, batches, runtime, broker } = await batching((text) => bad.has(text), { attempts: 2, backoff: ['1s'] })
  const { app: other } = await startApp({ name: 'other', runtime, broker, services: [] })

  await other.publish([new Crate({ id: 'a', n: 1 }), new Crate({ id: 'a', n: 'two' }), new Crate({ id: 'a', n: 3 })])
  await runtime.advance('5s')
  const dead = await letters(app)
  bad.clear()
  await app.deadLetters.redrive(of)
  await runtime.advance('5s')

  expect(dead).toEqual(['a1 FAILED', 'atwo PARKED', 'a3 PARKED'])
  expect(batches).toEqual(['a1', 'a1', 'a1'])
  expect(await letters(app)).toEqual(['atwo SCHEMA', 'a3 PARKED'])
})

test('a redriven key shares a batch again, without what waits behind it', async () => {
  const bad = new Set(['a1'])
  const { app, batches, runtime } = await batching((text) => bad.has(text))
  await app.publish(moves('a1', 'a2', 'a3'))
  await runtime.advance('1s')
  bad.clear()
  batches.length = 0

  await app.deadLetters.redrive(of, { key: 'a' })
  await app.publish(moves('a4'))
  await runtime.advance('1s')

  expect(batches.join(' ')).toBe('a1 a2 a3 a4')
  expect(await letters(app)).toEqual([])
})
