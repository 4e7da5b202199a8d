import { type ConfigError, createApp } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { alerts, metrics } from '@waybill/metrics'
import { eventually } from '@waybill/testing'
import { type OpenMetricsContentType, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { Charge, ledger, observe, Paid } from './observed-app.js'

const of = { messaging_system: 'memory', messaging_destination_name: 'payments', messaging_consumer_group_name: 'ledger', listener: 'Ledger.onPaid' }

test('what is published, taken, and how long it took, is counted by the names of OpenTelemetry', async () => {
  const { app, value } = await observe()

  await app.publish([new Paid({ order: '1' }), new Paid({ order: '2' })])

  await eventually(async () => (await value('messaging_client_consumed_messages_total', of)) === 2)
  expect(await value('messaging_client_sent_messages_total', { messaging_destination_name: 'payments', message: 'paid', error_type: '' })).toBe(2)
  expect(await value('messaging_process_duration_seconds_count', of)).toBe(2)
  expect(await value('waybill_critical_time_seconds_count', of)).toBe(2)
  expect(await value('messaging_client_operation_duration_seconds_count', { messaging_operation_name: 'send' })).toBe(2)
})

test('what a listener may count is there at 0 before its first message, so that a rate sees its first failures', async () => {
  const { observed } = await observe()

  const lines = (await observed.registry.metrics()).split('\n').filter((line) => line.includes('listener="Ledger.onPaid"') || line.startsWith('waybill_dead_letters_total{'))

  for (const name of ['messaging_client_consumed_messages_total', 'waybill_redelivered_total', 'waybill_failures_total', 'waybill_retries_total', 'waybill_dead_letters_total'])
    expect(lines.filter((line) => line.startsWith(`${name}{`)).map((line) => line.endsWith(' 0'))).toContain(true)
  expect(lines.filter((line) => !line.endsWith(' 0'))).toEqual([])
})

test('a message that fails is counted as a failure, a retry and a dead letter', async () => {
  const { app, value } = await observe()

  await app.publish(new Paid({ order: 'bad' }))

  await eventually(async () => (await value('waybill_dead_letters_total', { reason: 'failed' })) === 1)
  expect(await value('waybill_failures_total', { ...of, reason: 'error' })).toBe(2)
  expect(await value('waybill_retries_total', { ...of, kept_by: 'process' })).toBe(1)
  expect(await value('waybill_critical_time_seconds_count', of)).toBe(0)
})

test('a command that nobody takes is counted as returned', async () => {
  const { app, value } = await observe()

  await expect(app.publish(new Charge({ order: '1' }))).rejects.toThrow('unroutable')

  expect(await value('waybill_returned_total', { messaging_destination_name: 'payments' })).toBe(1)
  expect(await value('messaging_client_sent_messages_total', { message: 'charge', error_type: 'unroutable' })).toBe(1)
})

test('a broken connection is seen, and its return is counted', async () => {
  const { broker, value } = await observe()
  expect(await value('waybill_connection_up', { transport: 'memory' })).toBe(1)

  broker.disconnect()

  await eventually(async () => (await value('waybill_reconnects_total', { transport: 'memory' })) === 1)
  expect(await value('waybill_connection_up', { transport: 'memory' })).toBe(1)
})

test('the user keeps the metrics in a registry of his own, with the metrics of the process if he wants', async () => {
  const registry = new Registry()

  const { observed } = await observe({ registry, defaults: true })

  expect(observed.registry).toBe(registry)
  expect(await registry.metrics()).toContain('process_cpu_seconds_total')
  expect(await registry.metrics()).toMatch(/waybill_build_info\{app="till",node="v[0-9.]+"\} 1/)
})

test('two apps cannot share a registry, and the second one says so', async () => {
  const { observed } = await observe()
  const second = createApp({ name: 'second', services: [ledger()], transport: memory(), plugins: [metrics({ registry: observed.registry })], signals: false, log: false })

  await expect(second.start()).rejects.toThrow('Give each app a registry of its own.')
})

test('every mistake in the options is told at start', async () => {
  const wrong = metrics({ depthEvery: '1ms', serve: { port: -1 }, buckets: { process: [2, 1] }, ...{ serv: true } })
  const app = createApp({ name: 'till', services: [ledger()], transport: memory(), plugins: [wrong], signals: false, log: false })

  const error = await app.start().then(
    () => undefined,
    (problem: unknown) => String(problem),
  )

  for (const part of ['Did you mean "serve"?', '"serve.port"', '"depthEvery"', '"buckets.process"']) expect(error).toContain(part)
})

test('mistakes in the options of metrics and of alerts are told together with all others', async () => {
  const plugins = [metrics({ server: 1 } as never), alerts({ depht: 1, every: '1ms' } as never)]
  const app = createApp({ name: 'Till', services: [ledger()], transport: memory(), plugins, signals: false, log: false })

  const error = await app.start().catch((problem: unknown) => problem)

  expect((error as ConfigError).faults.map(({ code }) => code).sort()).toEqual(['ALERT_OPTION', 'APP_NAME', 'UNKNOWN_OPTION', 'UNKNOWN_OPTION'])
  for (const part of ['Did you mean "serve"?', 'Did you mean "depth"?']) expect(String(error)).toContain(part)
})

test('on a registry of OpenMetrics a duration carries the id of a sampled trace, elsewhere it does not', async () => {
  const traced = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const registry = new Registry<OpenMetricsContentType>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const tracer = { name: 'tracer', trace: () => ({ traceparent: traced, tracestate: undefined, baggage: undefined }) }

  const open = await observe({ registry, app: { name: 'open', plugins: [tracer] } })
  const plain = await observe({ app: { plugins: [tracer] } })
  await Promise.all([open.app.publish(new Paid({ order: '1' })), plain.app.publish(new Paid({ order: '1' }))])
  for (const { value } of [open, plain]) await eventually(async () => (await value('waybill_critical_time_seconds_count')) === 1)

  expect(await registry.metrics()).toContain('# {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"}')
  expect(await plain.observed.registry.metrics()).not.toContain('0af7651916cd43dd8448eb211c80319c')
})
