import { createApp } from '@waybill/core'
import { metrics } from '@waybill/metrics'
import { eventually } from '@waybill/testing'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'
import { ledger, observe } from './observed-app.js'

test('metrics and probes are served on this machine alone, by one option', async () => {
  const { observed } = await observe({ serve: { port: 0 } })
  const { address } = observed

  const told = await fetch(new URL('/metrics', address))
  const [live, ready, health] = await Promise.all(['/health/live', '/health/ready', '/health'].map(async (path) => (await fetch(new URL(path, address))).json()))

  expect(address?.hostname).toBe('127.0.0.1')
  expect(told.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  expect(await told.text()).toContain('# TYPE waybill_in_flight gauge')
  expect(live).toEqual({ live: true })
  expect(ready).toEqual({ ready: true, reasons: [] })
  expect(health).toMatchObject({ state: 'running', consumers: [{ channel: 'payments', group: 'ledger', attached: true }] })
  expect((await fetch(new URL('/elsewhere', address))).status).toBe(404)
})

test('while the broker is away the app lives, is not ready, and says why', async () => {
  const broker = memoryBroker()
  broker.stop()
  const observed = metrics({ serve: { port: 0 } })
  const app = createApp({ name: 'till', services: [ledger()], transport: memory({ broker }), plugins: [observed], signals: false, log: false })
  onTestFinished(() => app.stop())
  const started = app.start()
  const status = async (path: string): Promise<number> => (await fetch(new URL(path, observed.address))).status

  await eventually(() => observed.address !== undefined)
  expect([await status('/health/live'), await status('/health/ready')]).toEqual([200, 503])
  expect(await (await fetch(new URL('/health/ready', observed.address))).json()).toMatchObject({ reasons: expect.arrayContaining([expect.stringContaining('starting')]) })

  broker.start()
  await started
  expect(await status('/health/ready')).toBe(200)
})

test('a port that is taken is a clear error at start', async () => {
  const { observed } = await observe({ serve: { port: 0 } })
  const port = Number(observed.address?.port)
  const second = createApp({ name: 'second', services: [ledger()], transport: memory(), plugins: [metrics({ serve: { port } })], signals: false, log: false })

  await expect(second.start()).rejects.toThrow(`Metrics cannot be served on 127.0.0.1:${port}`)
})

test('what is served ends with the app', async () => {
  const { app, observed } = await observe({ serve: { port: 0 } })

  await app.stop()

  await expect(fetch(new URL('/metrics', observed.address))).rejects.toThrow()
})
