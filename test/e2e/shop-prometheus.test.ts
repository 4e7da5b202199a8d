import { prometheusRules } from '@waybill/metrics'
import { eventually } from '@waybill/testing'
import { expect, test } from 'vitest'
import { OwnPrometheus } from '../metrics/own-prometheus.js'
import { newFolder, openShop } from './shop-journey.js'

test('a real Prometheus sees an order pass through every service of the shop, and nothing that is wrong', { timeout: 60_000 }, async () => {
  const { program, address, place, storyOf } = await openShop('memory', newFolder())
  const prometheus = await OwnPrometheus.start(address, prometheusRules({ every: '1s' }))

  await place('fine', 'lamp', 2)
  await eventually(async () => (await storyOf('fine')).story.length >= 6, { within: 20_000 })

  await eventually(async () => (await prometheus.query('messaging_client_consumed_messages_total > 0')).length >= 10, { within: 10_000 })
  const groups = await prometheus.query('sum by (messaging_consumer_group_name) (increase(messaging_process_duration_seconds_count[1m]) > 0)')
  expect(groups.map(({ metric }) => metric['messaging_consumer_group_name']).sort()).toEqual(['notification', 'orders', 'payment', 'stock', 'story'])
  expect(await prometheus.query('waybill_outbox_sent_total > 0')).toHaveLength(1)
  expect((await prometheus.rules()).filter(({ health }) => health !== 'ok')).toEqual([])
  expect(await prometheus.firing()).toEqual([])
  expect((await fetch(new URL('/health/live', address))).status).toBe(200)

  expect(await program.end()).toBe(0)
})
