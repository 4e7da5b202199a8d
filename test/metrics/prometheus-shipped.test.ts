import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prometheusRules } from '@waybill/metrics'
import { expect, test } from 'vitest'
import { newFolder, tool } from './own-prometheus.js'

const shipped = (name: string): string => fileURLToPath(new URL(`../../packages/metrics/shipped/${name}`, import.meta.url))

const ofGroup = { messaging_destination_name: 'orders', messaging_consumer_group_name: 'billing' }
const group = 'group "billing" on "orders"'

interface Case {
  readonly rule: string
  readonly severity: 'warning' | 'critical'
  readonly labels: Readonly<Record<string, string>>
  /** Value by series, a minute apart: wrong from the fifth minute to the tenth. */
  readonly series: Readonly<Record<string, string>>
  readonly summary: string
}

const cases: readonly Case[] = [
  {
    rule: 'WaybillQueueDepth',
    severity: 'warning',
    labels: ofGroup,
    series: { waybill_queue_depth: '0x4 20000x5 9000x30' },
    summary: `20000 messages wait for ${group}`,
  },
  {
    rule: 'WaybillFailures',
    severity: 'warning',
    labels: ofGroup,
    series: { waybill_failures_total: '0+50x10 500x30' },
    summary: `250 tries failed within five minutes in ${group}`,
  },
  { rule: 'WaybillNoConsumer', severity: 'critical', labels: ofGroup, series: { waybill_consumers: '1x4 0x5 1x30' }, summary: `Nobody takes messages of ${group}` },
  {
    rule: 'WaybillBlocked',
    severity: 'critical',
    labels: { transport: 'main', purpose: 'publish' },
    series: { waybill_connection_blocked: '0x4 1x5 0x30' },
    summary: 'The broker of main takes no messages',
  },
  {
    rule: 'WaybillRedelivered',
    severity: 'warning',
    labels: ofGroup,
    series: { waybill_redelivered_total: '0+10x10 100x30', messaging_client_consumed_messages_total: '0+20x10 200x30' },
    summary: `50% of the messages of ${group} came again`,
  },
  {
    rule: 'WaybillOutboxAge',
    severity: 'critical',
    labels: { shard: 'main' },
    series: { waybill_outbox_oldest_seconds: '0x4 120x5 0x30' },
    summary: 'A committed message has waited 2m 0s in shard "main" of the outbox',
  },
  {
    rule: 'WaybillSagaStuck',
    severity: 'critical',
    labels: { saga: 'checkout' },
    series: { waybill_sagas: '0x4 2x5 0x30' },
    summary: 'Of saga "checkout" so many are stuck and wait for a person: 2',
  },
]

test('promtool and amtool find nothing wrong with what is shipped', async () => {
  expect(await tool('promtool', 'check', 'rules', shipped('prometheus-rules.yml'))).toContain('SUCCESS: 7 rules found')
  expect(await tool('promtool', 'check', 'config', shipped('prometheus.yml'))).toContain('1 rule files found')
  expect(await tool('amtool', 'check-config', shipped('alertmanager.yml'))).toContain('SUCCESS')
})

test('each rule that is shipped is raised, kept while it swings, and cleared', async () => {
  const file = join(newFolder(), 'rules.test.yml')
  const tests = { rule_files: [shipped('prometheus-rules.yml')], evaluation_interval: '1m', tests: cases.map(testOf) }
  writeFileSync(file, JSON.stringify(tests))

  expect(cases.map(({ rule }) => rule)).toEqual([...prometheusRules().matchAll(/alert: (\w+)/g)].map(([, name]) => name))
  expect(await tool('promtool', 'test', 'rules', file)).toContain('SUCCESS')
})

/** As promtool wants it. */
function testOf({ rule, severity, labels, series, summary }: Case): object {
  const text = (of: object): string =>
    Object.entries({ ...of, ...(rule === 'WaybillSagaStuck' ? { status: 'stuck' } : {}) })
      .map(([name, value]) => `${name}="${value}"`)
      .join(',')
  const description = new RegExp(`alert: ${rule}\\n[^]*?description: '(.*)'\\n`).exec(readFileSync(shipped('prometheus-rules.yml'), 'utf8'))?.[1]
  const raised = [{ exp_labels: { severity, ...labels }, exp_annotations: { summary, description } }]

  return {
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: `${name}{${text(labels)}}`, values })),
    alert_rule_test: [
      { eval_time: '0m', alertname: rule, exp_alerts: [] },
      { eval_time: '8m', alertname: rule, exp_alerts: raised },
      { eval_time: '35m', alertname: rule, exp_alerts: [] },
    ],
    promql_expr_test: [{ expr: `count(ALERTS{alertname="${rule}",alertstate="firing"})`, eval_time: '12m', exp_samples: [{ labels: '{}', value: 1 }] }],
  }
}
