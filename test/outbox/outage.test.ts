import { createApp, Listener, type Logger, Service } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { memoryDatabase, memoryStore } from '@waybill/store-memory'
import { virtualRuntime } from '@waybill/testing'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'
import { Asked } from './bed.js'

@Service('scale')
class Scale {
  seen = 0

  @Listener(Asked)
  see(): void {
    this.seen++
  }
}

/** An app on a store that can be stopped, on a clock of its own; what it logs from its start on. */
async function startedApp() {
  const runtime = virtualRuntime()
  const database = memoryDatabase()
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const log: Logger = { debug: () => undefined, info: note, warn: note, error: note }
  const transport = memory({ broker: memoryBroker({ runtime }) })
  const app = createApp({ name: 'test', services: [Scale], signals: false, log, runtime, transport, plugins: [outbox(memoryStore({ database }))] })
  onTestFinished(async () => {
    const stopped = app.stop()
    await runtime.advance('1m')
    await stopped
  })
  const started = app.start()
  await runtime.advance('1s')
  await started
  lines.length = 0

  return { app, database, lines, runtime }
}

test('a store that is away is told of at growing distances, and once by each part when it is back', async () => {
  const { database, lines, runtime } = await startedApp()

  database.stop()
  await runtime.advance('1h')
  const during = lines.splice(0)
  database.start()
  await runtime.advance('2m')

  expect(during[0]).toMatch(/^The relay of "memory" cannot use its store, and tries on: /)
  expect(during.filter((line) => line.startsWith('The relay')).length).toBeGreaterThan(5)
  expect(during.length).toBeLessThan(40)
  expect(lines.sort()).toEqual([
    expect.stringMatching(/^The relay of "memory" can use its store again after 36\d\d s\.$/),
    expect.stringMatching(/^The store is cleaned up again after \d+ s\.$/),
    expect.stringMatching(/^Timers are fired again after 36\d\d s\.$/),
  ])
})

test('many messages that cannot use the store are one outage in the log', async () => {
  const { app, database, lines, runtime } = await startedApp()
  const told = () => lines.splice(0).filter((line) => line.includes('Scale') || line.startsWith('The store "memory"'))

  database.stop()
  const sent = app.publish(Array.from({ length: 50 }, (_, n) => new Asked({ n })))
  await runtime.advance('30s')
  await sent
  const during = told()
  database.start()
  await runtime.advance('5s')

  expect(during).toEqual(['The store "memory": connection lost', expect.stringMatching(/^The store "memory": connection still lost after 1\d s$/)])
  expect(told()).toEqual([expect.stringMatching(/^The store "memory": connected again after 3\d s$/)])
  expect(app.get(Scale).seen).toBe(50)
})

test('a store that comes and goes is one outage', async () => {
  const runtime = virtualRuntime()
  const database = memoryDatabase()
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const log: Logger = { debug: () => undefined, info: note, warn: note, error: note }
  const plugins = [outbox(memoryStore({ database }))]
  const app = createApp({ name: 'test', services: [], signals: false, log, runtime, transport: memory({ broker: memoryBroker({ runtime }) }), plugins })
  onTestFinished(async () => {
    const stopped = app.stop()
    await runtime.advance('1m')
    await stopped
  })
  const started = app.start()
  await runtime.advance('1s')
  await started
  lines.length = 0

  for (let times = 0; times < 50; times++) {
    database.stop()
    await runtime.advance('2s')
    database.start()
    await runtime.advance('5s')
  }

  expect(lines.filter((line) => line.startsWith('The relay')).length).toBeLessThan(15)
})
