import { type Ask, createApp, type Logger, Listener, Command, Event, Publisher, Query, Service, type Transport } from '@waybill/core'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { eventually, virtualRuntime } from '@waybill/testing'
import { ContainerModule } from 'inversify'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { gate, startApp } from './on-memory.js'

const payload = z.object({ n: z.number() })

class Work extends Command('work.do', { payload }) {}
class Done extends Event('done.done', { payload }) {}
class Price extends Query('price.get', { payload, reply: payload }) {}

test('S1 stop lets what runs finish and ack, starts nothing more, and leaves the rest to the broker', async () => {
  const release = gate()
  @Service('worker')
  class Worker {
    started = 0
    finished = 0

    @Listener(Work, { concurrency: 10 })
    async work(): Promise<void> {
      this.started++
      await release.opened
      this.finished++
    }
  }
  const { app, broker } = await startApp({ services: [Worker] })
  const worker = app.get(Worker)

  await app.publish(Array.from({ length: 30 }, (_, n) => new Work({ n })))
  await eventually(() => worker.started === 10)
  const stopped = app.stop()
  release.open()
  await stopped

  expect(worker).toMatchObject({ started: 10, finished: 10 })
  expect(broker.queues().find(({ name }) => name === 'work.worker')).toMatchObject({ waiting: 20, unsettled: 0 })
})

test('S1 a listener that hangs does not keep the app from stopping; its message is delivered again', async () => {
  const signals: AbortSignal[] = []
  @Service('worker')
  class Worker {
    @Listener(Work)
    work(_work: Work, { signal }: { signal: AbortSignal }): Promise<void> {
      signals.push(signal)

      return new Promise(() => undefined)
    }
  }
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const { app, broker } = await startApp({ services: [Worker], shutdown: '50ms', log: { debug: note, info: note, warn: note, error: note } })

  await app.publish(new Work({ n: 1 }), { id: 'w-1' })
  await eventually(() => signals.length === 1)
  await app.stop()

  expect(signals[0]?.aborted).toBe(true)
  expect(lines).toContain('1 listener did not finish within 50 ms; the messages return to the broker: Worker.work (w-1).')
  expect(broker.queues().find(({ name }) => name === 'work.worker')).toMatchObject({ waiting: 1, unsettled: 0 })
})

test('S1 while an app stops the log says from time to time which listeners it waits for', async () => {
  const runtime = virtualRuntime()
  @Service('worker')
  class Worker {
    @Listener(Work)
    work(): Promise<void> {
      return new Promise(() => undefined)
    }

    @Listener(Done, { batch: { size: 3, wait: '1s' } })
    async done(): Promise<void> {
      await new Promise<void>(() => undefined)
    }
  }
  const lines: string[] = []
  const log: Logger = { debug: () => undefined, info: (text) => void lines.push(text), warn: (text) => void lines.push(text), error: () => undefined }
  const { app } = await startApp({ services: [Worker], broker: memoryBroker({ runtime }), runtime, log })
  await app.publish([new Work({ n: 1 }), ...[1, 2, 3].map((n) => new Done({ n }))])
  await runtime.advance('1s')
  lines.length = 0

  void app.stop()
  await runtime.advance('25s')

  const who = 'Worker.work (1 message), Worker.done (3 messages)'
  expect(lines.slice(0, 2)).toEqual([`Still running after 5 s of at most 25 s: ${who}`, `Still running after 15 s of at most 25 s: ${who}`])
  expect(lines[2]).toMatch(/^2 listeners did not finish within 25000 ms; the messages return to the broker: Worker\.work \(.+\), Worker\.done \(.+, .+, .+\)\.$/)
  expect(runtime.pending()).toEqual({ timers: 0, jobs: 0 })
})

test('S1 a listener that fails while its app stops does not hold the stop up', async () => {
  const release = gate()
  const begun = gate()
  @Service('worker')
  class Worker {
    @Listener(Work)
    async work(): Promise<void> {
      begun.open()
      await release.opened
      throw new Error('no')
    }
  }
  const { app, broker } = await startApp({ services: [Worker], shutdown: '60m' })

  await app.publish(new Work({ n: 1 }))
  await begun.opened
  const stopped = app.stop()
  release.open()
  await stopped

  expect(broker.queues().find(({ name }) => name === 'work.worker')).toMatchObject({ waiting: 1, unsettled: 0 })
})

test('S1 an app that stops takes no more: what is sent meanwhile goes to the next process at once', async () => {
  const release = gate()
  const begun = gate()
  @Service('worker')
  class Worker {
    readonly done: number[] = []

    @Listener(Work, { concurrency: 10 })
    async work({ n }: Work): Promise<void> {
      begun.open()
      if (n === 0) await release.opened
      this.done.push(n)
    }
  }
  const { app: leaving, broker } = await startApp({ services: [Worker] })
  await leaving.publish(new Work({ n: 0 }))
  await begun.opened
  const { app: next } = await startApp({ services: [Worker], broker })

  const worker = leaving.get(Worker)
  const stopped = leaving.stop()
  await next.publish(Array.from({ length: 10 }, (_, n) => new Work({ n: n + 1 })))
  await eventually(() => next.get(Worker).done.length === 10)
  release.open()
  await stopped

  expect(worker.done).toEqual([0])
  expect(broker.queues().find(({ name }) => name === 'work.worker')).toMatchObject({ waiting: 0, unsettled: 0 })
})

test('I7 a stop leaves no timer behind for a message that came again and again and ends meanwhile', async () => {
  const runtime = virtualRuntime()
  const release = gate()
  let begun = 0
  @Service('worker')
  class Worker {
    @Listener(Work)
    async work(): Promise<void> {
      if (++begun === 3) await release.opened
      else await new Promise<void>(() => undefined)
    }
  }
  const broker = memoryBroker({ runtime })
  for (const isFirst of [true, false]) {
    const { app: abandoning } = await startApp({ services: [Worker], broker, runtime, shutdown: '1s' })
    if (isFirst) await abandoning.publish(new Work({ n: 1 }))
    await runtime.advance('1s')
    void abandoning.stop()
    await runtime.advance('2s')
  }
  const { app } = await startApp({ services: [Worker], broker, runtime })
  await runtime.advance('1s')

  const stopped = app.stop()
  release.open()
  await stopped

  expect(begun).toBe(3)
  expect(broker.queues().find(({ name }) => name === 'work.worker')).toMatchObject({ waiting: 0, unsettled: 0 })
  expect(runtime.pending()).toEqual({ timers: 0, jobs: 0 })
})

test('S2 a start that waits for its broker ends when the app is stopped', async () => {
  const broker = memoryBroker()
  broker.stop()
  const app = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory({ broker }) })

  const starting = app.start()
  await app.stop()

  await expect(starting).rejects.toThrow()
  expect(app.health()).toMatchObject({ live: true, ready: false, state: 'stopped' })
})

test('S2 a start that waits for its modules ends when the app is stopped', async () => {
  const loaded = gate()
  const modules = [new ContainerModule(() => loaded.opened)]
  const app = createApp({ name: 'test', services: [], modules, signals: false, log: false, transport: memory() })

  const starting = app.start()
  await app.stop()
  loaded.open()

  await expect(starting).rejects.toMatchObject({ code: 'STOPPED' })
  expect(app.health().state).toBe('stopped')
})

test('S2 a broker that answers nothing does not keep the app from stopping within its deadline', async () => {
  const runtime = virtualRuntime()
  const transport = silentAtStop(memory({ broker: memoryBroker({ runtime }) }))
  @Service('worker')
  class Worker {
    @Listener(Work)
    work(): void {}
  }
  @Service('asker')
  class Asker {
    constructor(@Publisher(Price) readonly price: Ask<Price>) {}
  }
  const lines: string[] = []
  const log: Logger = { debug: () => undefined, info: () => undefined, warn: (text) => void lines.push(text), error: () => undefined }
  const app = createApp({ name: 'test', services: [Worker, Asker], signals: false, log, transport, runtime, shutdown: '5s' })
  await app.start()

  void app.stop()
  await runtime.advance('5s')

  expect(app.health().state).toBe('stopped')
  expect(lines).toEqual([expect.stringContaining('Group "worker" on "work" left without an answer of memory')])
  expect(runtime.pending()).toEqual({ timers: 0, jobs: 0 })
})

/** Its consumers hear no answer when they leave. */
function silentAtStop(transport: Transport): Transport {
  const subscribe = transport.subscribe.bind(transport)

  return Object.assign(transport, {
    subscribe: async (...given: Parameters<Transport['subscribe']>) => Object.assign(await subscribe(...given), { stop: () => new Promise<void>(() => undefined) }),
  })
}
