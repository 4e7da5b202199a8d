import { type App, createApp } from '@waybill/core'
import { metrics } from '@waybill/metrics'
import { memory } from '@waybill/transport-memory'
import { Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { gate } from '../core/on-memory.js'
import { ledger, Paid } from './observed-app.js'

async function startWith(registry: Registry): Promise<{ readonly app: App; readonly lines: string[]; readonly taken: Promise<string> }> {
  const { opened, open } = gate<string>()
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const app = createApp({
    name: 'till',
    services: [ledger(open)],
    transport: memory(),
    plugins: [metrics({ registry })],
    signals: false,
    log: { debug: note, info: note, warn: note, error: note },
  })
  onTestFinished(() => app.stop())
  await app.start()

  return { app, lines, taken: opened }
}

test('F38 a registry that takes no metrics changes nothing for messages, and that is said once', async () => {
  class Full extends Registry {
    override registerMetric(): void {
      throw new Error('There is no room.')
    }
    override getSingleMetric(): never {
      throw new Error('There is nothing to look at.')
    }
  }
  const { app, lines, taken } = await startWith(new Full())

  await app.publish(new Paid({ order: '1' }))

  expect(await taken).toBe('1')
  expect(lines.filter((line) => line.includes('There is no room.'))).toHaveLength(1)
})

test('F38 metrics that throw while they count change nothing for messages', async () => {
  const registry = new Registry()
  const { app, lines, taken } = await startWith(registry)
  const broken = (): never => {
    throw new Error('It cannot count.')
  }
  for (const name of ['messaging_client_operation_duration_seconds', 'messaging_process_duration_seconds']) Object.assign(registry.getSingleMetric(name) ?? {}, { add: broken })

  await app.publish(new Paid({ order: '1' }))

  expect(await taken).toBe('1')
  expect(lines.filter((line) => line.includes('It cannot count.'))).toHaveLength(1)
})
