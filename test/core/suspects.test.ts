import { Event, Listener, Service } from '@waybill/core'
import { memoryBroker, type MemoryBroker } from '@waybill/transport-memory'
import { type VirtualRuntime, virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Done extends Event('jobs.done', { payload: z.object({ n: z.number() }) }) {}

const of = { channel: 'jobs', group: 'worker' } as const

interface Life {
  readonly started: number[]
  readonly most: number
}

/**
 * One life of a process: it takes what waits, and dies (its connection breaks, and nothing it did later counts) when it starts the killer.
 * A process that nobody kills lives for a minute.
 */
async function live(runtime: VirtualRuntime, broker: MemoryBroker, killer: number | undefined): Promise<Life> {
  const started: number[] = []
  let running = 0
  let most = 0
  let isDead = false
  @Service('worker')
  class Worker {
    @Listener(Done, { concurrency: 5 })
    async work({ n }: Done): Promise<void> {
      if (isDead) return new Promise(() => undefined)
      started.push(n)
      most = Math.max(most, ++running)
      if (n === killer) {
        isDead = true
        return new Promise(() => undefined)
      }
      await new Promise<void>((resolve) => void runtime.after(20, resolve))
      if (isDead) return new Promise(() => undefined)
      running--
    }
  }
  const { app } = await startApp({ runtime, broker, services: [Worker], shutdown: '1ms' })
  await runtime.advance('1m')
  const stopped = app.stop()
  await runtime.advance('1s')
  await stopped

  return { started, most }
}

async function filled(count: number): Promise<{ runtime: VirtualRuntime; broker: MemoryBroker }> {
  const runtime = virtualRuntime()
  const broker = memoryBroker({ runtime })
  const { app } = await startApp({ runtime, broker, services: [Idle] })
  await app.stop()
  for (let n = 0; n < count; n++) {
    broker.send({ routingKey: 'jobs.worker', headers: { cloudEvents_id: `m-${n}`, cloudEvents_type: 'jobs.done', cloudEvents_source: '/x' }, body: JSON.stringify({ n }), contentType: 'application/json' })
  }

  return { runtime, broker }
}

@Service('worker')
class Idle {
  @Listener(Done)
  work(): void {}
}

test('R11 a message that kills the process is set aside after five starts that never finished; the others are done', async () => {
  const { runtime, broker } = await filled(8)
  const lives: Life[] = []

  for (let life = 0; life < 7; life++) lives.push(await live(runtime, broker, 2))
  const { app } = await startApp({ runtime, broker, services: [Idle] })
  const letters = await app.deadLetters.list(of)

  expect(lives.map(({ started }) => started.filter((n) => n === 2).length)).toEqual([1, 1, 1, 1, 1, 0, 0])
  expect(letters.map(({ id, reason, attempts }) => [id, reason, attempts])).toEqual([['m-2', 'KILLED_THE_PROCESS', 5]])
  expect(new Set(lives.flatMap(({ started }) => started)).size).toBe(8)
  expect(broker.queues().find(({ name }) => name === 'jobs.worker')).toMatchObject({ waiting: 0, unsettled: 0 })
})

test('R11 messages that were delivered before run one at a time', async () => {
  const { runtime, broker } = await filled(6)

  const first = await live(runtime, broker, 4)
  const second = await live(runtime, broker, undefined)

  expect(first).toEqual({ started: [0, 1, 2, 3, 4], most: 5 })
  expect(second).toEqual({ started: [0, 1, 2, 3, 4, 5], most: 1 })
})

test('a connection that breaks counts for nothing: whoever lived through it has not died of a message', async () => {
  const runtime = virtualRuntime()
  const broker = memoryBroker({ runtime })
  let runs = 0
  @Service('worker')
  class Worker {
    @Listener(Done)
    async work(): Promise<void> {
      if (++runs <= 7) await new Promise<void>((resolve) => void runtime.after(100, resolve))
    }
  }
  const { app } = await startApp({ runtime, broker, services: [Worker] })

  await app.publish(new Done({ n: 1 }))
  for (let cut = 0; cut < 7; cut++) {
    await runtime.advance('10ms')
    broker.disconnect()
    await runtime.advance('2m')
  }

  expect(runs).toBeGreaterThan(1)
  expect(await app.deadLetters.list(of)).toEqual([])
})
