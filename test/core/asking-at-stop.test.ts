import { type Ask, Command, Listener, Publisher, Query, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { memoryBroker } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

const payload = z.object({ n: z.number() })

class Work extends Command('work.do', { payload }) {}
class Count extends Query('work.count', { payload, reply: payload }) {}

test('S1 a listener that runs while the app stops may still ask', async () => {
  const release = gate()
  @Service('worker')
  class Worker {
    readonly answers: unknown[] = []

    constructor(@Publisher(Count) private readonly count: Ask<Count>) {}

    @Listener(Work)
    async work({ n }: Work): Promise<void> {
      await release.opened
      this.answers.push(await this.count({ n }))
    }
  }
  @Service('counter')
  class Counter {
    @Listener(Count)
    count({ n }: Count): { n: number } {
      return { n: n + 1 }
    }
  }
  const broker = memoryBroker()
  await startApp({ name: 'counting', services: [Counter], broker })
  const { app } = await startApp({ services: [Worker], broker })
  const worker = app.get(Worker)

  await app.publish(new Work({ n: 1 }))
  await eventually(() => app.health().consumers.some(({ running }) => running === 1))
  const stopped = app.stop()
  release.open()
  await stopped

  expect(worker.answers).toEqual([{ n: 2 }])
})
