import { Event, Listener, type Logger, Service } from '@waybill/core'
import { memoryBroker } from '@waybill/transport-memory'
import { virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class News extends Event('news.told', { payload: z.object({ n: z.number() }) }) {}

@Service('reader')
class Reader {
  @Listener(News)
  read(): void {}
}

function collectInto(lines: string[]): Logger {
  const note =
    (level: string) =>
    (text: string): void =>
      void lines.push(`${level} ${text}`)

  return { debug: () => undefined, info: note('info'), warn: note('warn'), error: note('error') }
}

test('a broker that is away is told of once, then at growing distances, and once when it is back', async () => {
  const runtime = virtualRuntime()
  const broker = memoryBroker({ runtime })
  const lines: string[] = []
  const { app } = await startApp({ runtime, broker, services: [Reader], log: collectInto(lines) })
  lines.length = 0

  broker.stop()
  await runtime.advance('1h')
  const away = lines.splice(0)
  broker.start()
  await runtime.advance('1m')

  expect(away[0]).toBe('warn memory: publishing and consuming lost')
  expect(away[1]).toMatch(/^warn memory: publishing and consuming still lost after \d+ s$/)
  expect(away.length).toBeGreaterThan(5)
  expect(away.length).toBeLessThan(15)
  expect(lines).toEqual([expect.stringMatching(/^info memory: connected again after 36\d\d s$/)])
  expect(app.health().ready).toBe(true)
})

test('a connection that comes and goes is one outage', async () => {
  const runtime = virtualRuntime()
  const broker = memoryBroker({ runtime })
  const lines: string[] = []
  await startApp({ runtime, broker, services: [Reader], log: collectInto(lines) })
  lines.length = 0

  for (let times = 0; times < 100; times++) {
    broker.restart()
    await runtime.advance('1s')
  }

  expect(lines.length).toBeLessThan(10)
})

test('a broker that is not there at the start is told of at growing distances', async () => {
  const runtime = virtualRuntime()
  const broker = memoryBroker({ runtime })
  const lines: string[] = []
  broker.stop()

  const started = startApp({ runtime, broker, services: [Reader], log: collectInto(lines) })
  await runtime.advance('10m')
  const away = lines.splice(0)
  broker.start()
  await runtime.advance('1m')
  await started

  expect(away[0]).toMatch(/^warn memory cannot be reached yet and is tried on: .*Is its address right, and does it run\?$/)
  expect(away.length).toBeLessThan(10)
  expect(lines[0]).toMatch(/^info memory: connected again after 6\d\d s$/)
})
