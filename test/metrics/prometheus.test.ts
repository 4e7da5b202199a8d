import { createApp, Event, Listener, Service } from '@waybill/core'
import { grafanaDashboards, metrics, prometheusRules } from '@waybill/metrics'
import { outbox } from '@waybill/outbox'
import { sagas } from '@waybill/saga'
import { memoryStore } from '@waybill/store-memory'
import { eventually } from '@waybill/testing'
import { memory } from '@waybill/transport-memory'
import { type OpenMetricsContentType, Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { Checkout, OrderPlaced, Payment, Script, script, Shipping, Stock } from '../saga/shop.js'
import { observe, Paid } from './observed-app.js'
import { OwnPrometheus } from './own-prometheus.js'

/** The rules as they are shipped, at the pace of a test. */
const quickRules = (options: Parameters<typeof prometheusRules>[0]): string =>
  prometheusRules({ every: '1s', noConsumer: '1s', blocked: '1s', criticalTime: '30s', ...options })
    .replaceAll('[5m]', '[3s]')
    .replaceAll('keep_firing_for: 5m', 'keep_firing_for: 1s')

test('a real Prometheus scrapes the shop, and every panel and every rule finds its numbers there', { timeout: 40_000 }, async () => {
  script.current = new Script()
  const observed = metrics({ serve: { port: 0 }, depthEvery: '1s' })
  const app = createApp({
    name: 'shop',
    services: [Checkout, Stock, Payment, Shipping],
    transport: memory(),
    plugins: [outbox(memoryStore()), sagas(), observed],
    signals: false,
    log: false,
  })
  onTestFinished(() => app.stop())
  await app.start()
  const prometheus = await OwnPrometheus.start(observed.address, quickRules({}))
  for (let n = 0; n < 30; n++) await app.publish(new OrderPlaced({ orderId: `o-${n}`, total: 5 }))

  const panels = Object.values(grafanaDashboards()).flatMap(({ title, panels }) => panels.map((panel) => ({ title, panel: panel as Panel })))
  const silent = async (): Promise<readonly string[]> => {
    const told = await Promise.all(panels.map(async ({ panel }) => ({ panel, found: await prometheus.query(panel.targets[0]?.expr.replaceAll('$__rate_interval', '10s') ?? '') })))

    return told.filter(({ found }) => found.length === 0).map(({ panel }) => panel.title)
  }

  // Only a log skips, and the memory broker takes everything.
  await eventually(async () => (await silent()).join() === 'Not taken by the broker,Skipped', { within: 15_000 })
  expect(await prometheus.query('sum(rate(messaging_client_consumed_messages_total[10s])) > 1')).toHaveLength(1)
  const rules = await prometheus.rules()
  expect(rules.length).toBe(8)
  expect(rules.filter(({ health }) => health !== 'ok')).toEqual([])
  expect(await prometheus.firing()).toEqual([])
})

test('a consumer whose very first messages fail raises the alert, and its repair clears it', { timeout: 40_000 }, async () => {
  const state = { isBroken: true }

  class Ordered extends Event('ordered', { channel: 'orders', payload: z.object({ n: z.number() }) }) {}
  @Service('billing')
  class Billing {
    @Listener(Ordered, { retry: false })
    bill(): void {
      if (state.isBroken) throw new Error('The price list is empty.')
    }
  }
  const { app, observed } = await observe({ serve: { port: 0 }, app: { name: 'billing', services: [Billing] } })
  const prometheus = await OwnPrometheus.start(observed.address, quickRules({ failures: 5 }))
  const order = (): Promise<void> => app.publish(Array.from({ length: 20 }, (_, n) => new Ordered({ n })))
  expect(await prometheus.firing()).toEqual([])

  await order()
  await eventually(async () => (await prometheus.firing()).includes('WaybillFailures'), { within: 10_000 })
  const [reading] = await prometheus.query('ALERTS{alertname="WaybillFailures",alertstate="firing"}')
  expect(reading?.metric).toMatchObject({ severity: 'warning', messaging_consumer_group_name: 'billing', messaging_destination_name: 'orders' })

  state.isBroken = false
  await order()
  await eventually(async () => (await prometheus.firing()).length === 0, { within: 15_000 })
})

test('a registry of OpenMetrics is read too, with the traces of its durations', { timeout: 30_000 }, async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const tracer = { name: 'tracer', trace: () => ({ traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: undefined, baggage: undefined }) }
  const registry = new Registry<OpenMetricsContentType>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  const { app, observed } = await observe({ registry, serve: { port: 0 }, defaults: true, app: { plugins: [tracer] } })
  const prometheus = await OwnPrometheus.start(observed.address, quickRules({}))

  await app.publish(new Paid({ order: '1' }))

  await eventually(async () => (await prometheus.traces('messaging_process_duration_seconds_bucket')).includes(traceId), { within: 10_000 })
  expect((await prometheus.query('messaging_client_consumed_messages_total'))[0]?.value[1]).toBe('1')
  await app.publish(new Paid({ order: '2' }))
  await eventually(async () => (await prometheus.query('messaging_client_consumed_messages_total'))[0]?.value[1] === '2', { within: 5_000 })
})

interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string }[]
}
