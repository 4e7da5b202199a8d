import { createApp, Event, RawListener, Service } from '@waybill/core'
import { metrics } from '@waybill/metrics'
import { eventually } from '@waybill/testing'
import { memory, memoryBroker } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { observe, Paid, seriesOf } from './observed-app.js'

class Seen extends Event('seen', { channel: 'visits', key: 'visitor', payload: z.object({ visitor: z.string() }) }) {}

test('a hundred thousand ids and keys make no series of their own', async () => {
  @Service('raw')
  class Raw {
    @RawListener('visits')
    take(): void {}
  }
  const broker = memoryBroker()
  const observed = metrics()
  const app = createApp({ name: 'visits', services: [Raw], transport: memory({ broker }), plugins: [observed], signals: false, log: false, backlog: { messages: 200_000 } })
  onTestFinished(() => app.stop())
  await app.start()
  const before = (await observed.registry.metrics()).split('\n').length

  for (let from = 0; from < 100_000; from += 5_000) await app.publish(Array.from({ length: 5_000 }, (_, i) => new Seen({ visitor: `v-${from + i}` })))
  await eventually(async () => (await seriesOf(observed, 'messaging_client_consumed_messages_total')) === 100_000, { within: 20_000 })

  const text = await observed.registry.metrics()
  expect(text).not.toContain('v-99999')
  expect(text.split('\n').length - before).toBeLessThan(70)
}, 60_000)

test('a listener that saw everything that can happen has at most 40 series', async () => {
  const { app, observed, value } = await observe()
  await app.publish([new Paid({ order: 'bad' }), new Paid({ order: '1' })])
  await eventually(async () => (await value('waybill_dead_letters_total')) === 1)
  const told = await observed.registry.getMetricsAsJSON()
  const ofListener = told.map(({ name, values }) => ({ name, series: values.filter(({ labels }) => labels['messaging_consumer_group_name'] === 'ledger').length }))
  // Depth, dead letters and age, which were not asked for yet; consumers, or on a log what was skipped there; duplicates, where there is a store.
  const unseen = 5

  expect(ofListener.reduce((sum, { series }) => sum + series, 0) + unseen).toBeLessThanOrEqual(40)
})
