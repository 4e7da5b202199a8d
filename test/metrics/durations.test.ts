import { metrics } from '@waybill/metrics'
import { eventually } from '@waybill/testing'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { observe, Paid } from './observed-app.js'

const durations = ['messaging_process_duration_seconds', 'waybill_critical_time_seconds', 'messaging_client_operation_duration_seconds'] as const

test('what is served of durations is what the registry writes, to the letter', async () => {
  const { observed } = await paid(await observe())

  const page = await pageOf(observed)

  for (const name of durations) expect(page).toContain(await observed.registry.getSingleMetricAsString(name))
  expect(page).toMatch(/^messaging_process_duration_seconds_count\{.*listener="Ledger\.onPaid"\} 1$/m)
})

test('labels that the user gave to all metrics are on durations as well', async () => {
  const registry = new Registry()
  registry.setDefaultLabels({ region: 'north' })
  const { observed } = await paid(await observe({ registry }))

  const page = await pageOf(observed)

  const lines = page.split('\n').filter((line) => line.startsWith('messaging_process_duration_seconds_'))
  expect(lines.length).toBeGreaterThan(0)
  expect(lines.filter((line) => !line.includes('region="north"'))).toEqual([])
})

test('a duration counts in every bucket that it fits, and a registry that is reset begins anew', async () => {
  const { observed } = await paid(await observe({ buckets: { process: [0.000_000_001, 60] } }))

  const before = await told(observed)
  observed.registry.resetMetrics()
  const after = await told(observed)

  expect(before).toEqual({ '1e-9': 0, '60': 1, '+Inf': 1 })
  expect(after).toEqual({ '1e-9': 0, '60': 0, '+Inf': 0 })
})

async function paid<T extends Awaited<ReturnType<typeof observe>>>(observed: T): Promise<T> {
  await observed.app.publish(new Paid({ order: '1' }))
  await eventually(async () => (await observed.value('messaging_client_consumed_messages_total')) === 1)

  return observed
}

async function pageOf(observed: Pick<ReturnType<typeof metrics>, 'fetch'>): Promise<string> {
  return (await observed.fetch(new Request('http://app/metrics'))).text()
}

/** The buckets of the listener's durations, as prom-client tells them to whoever adds processes up. */
async function told({ registry }: Pick<ReturnType<typeof metrics>, 'registry'>): Promise<Record<string, number>> {
  const found = (await registry.getMetricsAsJSON()).find(({ name }) => name === 'messaging_process_duration_seconds')

  return Object.fromEntries((found?.values ?? []).filter(({ labels }) => labels.le !== undefined).map(({ labels, value }) => [String(labels.le), value]))
}
