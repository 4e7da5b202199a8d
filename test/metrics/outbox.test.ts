import { Event, type Publish, Publisher, Service } from '@waybill/core'
import { type Alert, alerts, metrics } from '@waybill/metrics'
import { outbox, Transactional } from '@waybill/outbox'
import { memoryStore } from '@waybill/store-memory'
import { eventually, harness } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { seriesOf } from './observed-app.js'

class Ordered extends Event('ordered', { channel: 'orders', payload: z.object({ order: z.string() }) }) {}

@Service('shop')
class Shop {
  constructor(@Publisher(Ordered) private readonly ordered: Publish<Ordered>) {}

  @Transactional()
  async order(order: string): Promise<void> {
    await this.ordered({ order })
  }
}

test('what waits in the outbox is seen, raises an alert when it waits too long, and is counted when it left', async () => {
  const told: Alert[] = []
  const observed = metrics({ ready: { outboxAge: '1m' } })
  const plugins = [outbox(memoryStore()), observed, alerts({ send: (alert) => void told.push(alert) })]
  await using shop = await harness({ services: [Shop], plugins })

  shop.broker.stop()
  await shop.get(Shop).order('1')
  await shop.advance('3m')

  expect(await seriesOf(observed, 'waybill_outbox_pending', { shard: 'memory' })).toBe(1)
  expect(await seriesOf(observed, 'waybill_outbox_oldest_seconds', { shard: 'memory' })).toBeGreaterThan(60)
  expect(told).toMatchObject([{ rule: 'WaybillOutboxAge', state: 'raised', about: 'memory' }])

  const { reasons } = (await (await observed.fetch(new Request('http://app/health/ready'))).json()) as { readonly reasons: readonly string[] }
  expect(reasons.at(-1)).toMatch(/^A committed message has waited \d+ s in shard "memory" of the outbox; ready is up to 60 s\.$/)

  shop.broker.start()
  await shop.advance('3m')

  await eventually(async () => (await seriesOf(observed, 'waybill_outbox_pending', { shard: 'memory' })) === 0)
  expect(await seriesOf(observed, 'waybill_outbox_sent_total', { shard: 'memory' })).toBe(1)
  expect(told.at(-1)).toMatchObject({ rule: 'WaybillOutboxAge', state: 'cleared' })
})
