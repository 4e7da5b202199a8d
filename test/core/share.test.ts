import { Event, Listener, Retry, Service } from '@waybill/core'
import { virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Moved extends Event('boxes.moved', { key: 'id', payload: z.object({ id: z.string(), n: z.number() }) }) {}

function mover(taken: string[]): new () => object {
  @Service('mover')
  class Mover {
    @Listener(Moved, { concurrency: 2, retry: { attempts: 5, backoff: ['1m'] } })
    on({ id, n }: Moved, { attempt }: { attempt: number }): void {
      if (id === 'hot' && n === 0 && attempt < 3) throw new Retry({ after: '1m' })
      taken.push(`${id}${n}`)
    }
  }

  return Mover
}

function boxes(id: string, count: number): readonly Moved[] {
  return Array.from({ length: count }, (_, n) => new Moved({ id, n }))
}

test('what waits behind its key widens the window for the others', async () => {
  const runtime = virtualRuntime()
  const taken: string[] = []
  const { app } = await startApp({ runtime, services: [mover(taken)] })

  await app.publish([...boxes('hot', 10), ...boxes('cold', 5)])
  await runtime.advance('1s')
  const health = app.health().consumers[0]
  await runtime.advance('3m')

  expect(taken.slice(0, 5)).toEqual(boxes('cold', 5).map(({ n }) => `cold${n}`))
  expect(taken.slice(5)).toEqual(boxes('hot', 10).map(({ n }) => `hot${n}`))
  expect(health).toMatchObject({ blocked: 10, behind: 'hot', paused: false, unsettled: 10 })
  expect(app.health().consumers[0]).toMatchObject({ blocked: 0, behind: undefined, paused: false, unsettled: 0 })
})

test('a key behind which four windows wait pauses the consumer, and health names it', async () => {
  const runtime = virtualRuntime()
  const taken: string[] = []
  const { app } = await startApp({ runtime, services: [mover(taken)] })

  await app.publish([...boxes('hot', 40), ...boxes('cold', 5)])
  await runtime.advance('1s')
  const health = app.health()
  await runtime.advance('3m')

  expect(health.consumers[0]).toMatchObject({ blocked: 16, behind: 'hot', paused: true, unsettled: 16 })
  expect(health.ready).toBe(true)
  expect(taken).toHaveLength(45)
  expect(app.health().consumers[0]).toMatchObject({ blocked: 0, paused: false, unsettled: 0 })
})

test('S1 a stop with messages behind their key returns them in order', async () => {
  const runtime = virtualRuntime()
  const taken: string[] = []
  const { app, broker } = await startApp({ runtime, services: [mover(taken)] })
  await app.publish(boxes('hot', 30))
  await runtime.advance('1s')

  await app.stop()
  await startApp({ runtime, broker, services: [mover(taken)] })
  await runtime.advance('5m')

  expect(taken).toEqual(boxes('hot', 30).map(({ n }) => `hot${n}`))
})
