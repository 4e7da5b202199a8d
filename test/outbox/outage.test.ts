import { createApp, type Logger } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { memoryDatabase, memoryStore } from '@waybill/store-memory'
import { virtualRuntime } from '@waybill/testing'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'

test('a store that is away is told of at growing distances, and once by each part when it is back', async () => {
  const runtime = virtualRuntime()
  const database = memoryDatabase()
  const store = memoryStore({ database })
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const log: Logger = { debug: () => undefined, info: note, warn: note, error: note }
  const app = createApp({ name: 'test', services: [], signals: false, log, runtime, transport: memory({ broker: memoryBroker({ runtime }) }), plugins: [outbox(store)] })
  onTestFinished(async () => {
    const stopped = app.stop()
    await runtime.advance('1m')
    await stopped
  })
  const started = app.start()
  await runtime.advance('1s')
  await started
  lines.length = 0

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
