import { expect, test } from 'vitest'
import { Audience, Booked } from './booked.js'
import { startedApp } from './started.js'

test('O7 I6 what is committed in the ten minutes in which a broker is down is sent within seconds of its return, once, in the order of its keys and unaided', async () => {
  const { app, box, broker, runtime } = await startedApp({ services: [Audience] })

  broker.stop()
  for (let n = 0; n < 600; n++) {
    await app.transaction(() => app.publish([new Booked({ key: `k${n % 7}`, n: 2 * n }), new Booked({ key: `k${(n + 3) % 7}`, n: 2 * n + 1 })]))
    await runtime.advance('1s')
  }
  const during = (await box.status()).map(({ pending, parked }) => [pending, parked])
  broker.start()
  await runtime.advance('40s')

  const { heard } = app.get(Audience)
  const keyOf = (n: number): number => (n % 2 === 0 ? n / 2 : (n - 1) / 2 + 3) % 7
  expect(during).toEqual([[1_200, 0]])
  expect([...heard].sort((a, b) => a - b)).toEqual(Array.from({ length: 1_200 }, (_, n) => n))
  for (let key = 0; key < 7; key++) {
    const own = heard.filter((n) => keyOf(n) === key)
    expect(own).toEqual([...own].sort((a, b) => a - b))
  }
  expect((await box.status()).map(({ pending, parked }) => [pending, parked])).toEqual([[0, 0]])
  expect(app.health().ready).toBe(true)
})
