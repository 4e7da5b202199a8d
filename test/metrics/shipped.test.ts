import { grafanaDashboards, prometheusRules } from '@waybill/metrics'
import { expect, test } from 'vitest'
import { observe } from './observed-app.js'

const folder = '../../packages/metrics/shipped'

test('the rule file that is shipped is that of the rules in code', async () => {
  await expect(prometheusRules()).toMatchFileSnapshot(`${folder}/prometheus-rules.yml`)
})

test('the dashboards that are shipped are those of the code', async () => {
  for (const [name, board] of Object.entries(grafanaDashboards())) await expect(`${JSON.stringify(board, undefined, 2)}\n`).toMatchFileSnapshot(`${folder}/grafana-${name}.json`)
})

test('every panel and every rule asks for metrics that there are', async () => {
  const { observed } = await observe()
  const told = await observed.registry.metrics()
  const known = new Set([...told.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name ?? ''))
  const expressions = [JSON.stringify(grafanaDashboards()), prometheusRules({ criticalTime: '30s' })].join(' ')

  const asked = new Set([...expressions.matchAll(/\b(?:waybill|messaging_client|messaging_process)_[a-z_]+/g)].map(([name]) => name.replace(/_(bucket|count)$/, '')))

  expect([...asked].filter((name) => !known.has(name))).toEqual([])
  expect(asked.size).toBeGreaterThan(20)
  expect([...known].filter((name) => !asked.has(name))).toEqual([])
})

test('a rule file says your limits, and leaves out what you switch off', () => {
  const text = prometheusRules({ depth: 50, failures: false, criticalTime: '5s', every: '30s' })

  expect(text).toContain(`expr: 'max by (messaging_destination_name, messaging_consumer_group_name) (waybill_queue_depth) > 50'`)
  expect(text).toContain('waybill_critical_time_seconds_bucket{le="5"}')
  expect(text).toContain('interval: 30s')
  expect(text).not.toContain('WaybillFailures')
})
