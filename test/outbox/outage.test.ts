import { DeadLetter, Listener, Service, StoreUnavailable } from '@waybill/core'
import { expect, test } from 'vitest'
import { Asked } from './bed.js'
import { startedApp } from './started.js'

@Service('scale')
class Scale {
  seen = 0

  @Listener(Asked)
  see(): void {
    this.seen++
  }
}

/** With what it logs from its start on. */
async function loggedApp() {
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const started = await startedApp({ services: [Scale], log: { debug: () => undefined, info: note, warn: note, error: note } })
  lines.length = 0

  return { ...started, lines }
}

test('a store that is away is told of at growing distances, and once by each part when it is back', async () => {
  const { database, lines, runtime } = await loggedApp()

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
  const { app, database, lines, runtime } = await loggedApp()
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
  const { database, lines, runtime } = await loggedApp()

  for (let times = 0; times < 50; times++) {
    database.stop()
    await runtime.advance('2s')
    database.start()
    await runtime.advance('5s')
  }

  expect(lines.filter((line) => line.startsWith('The relay')).length).toBeLessThan(15)
})

test.each([
  ['wrapped it, as some tools do, and no try is counted', (cause: Error) => new Error('Failed query: SELECT 1', { cause }), [31, 0]],
  ['made a dead letter of it, and it is one', (cause: Error) => Object.assign(new DeadLetter('out of reach'), { cause }), [1, 1]],
] as const)('a listener that met a store out of reach has %s', async (_, thrown, expected) => {
  @Service('wrapping')
  class Wrapping {
    runs = 0

    @Listener(Asked)
    see(): void {
      if (++this.runs <= 30) throw thrown(new StoreUnavailable('STORE_UNAVAILABLE', 'The database was expected to answer.'))
    }
  }
  const { app, runtime } = await startedApp({ services: [Wrapping] })

  const sent = app.publish(new Asked({ n: 1 }))
  await runtime.advance('1h')
  await sent
  const dead = app.deadLetters.list({ channel: 'asked', group: 'wrapping' })
  await runtime.advance('1s')

  expect([app.get(Wrapping).runs, (await dead).length]).toEqual(expected)
})
