import { createApp, Event, Listener, Service } from '@waybill/core'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { bed, channelOf, proxied, soon } from './bed.js'

class Placed extends Event('order.placed', { channel: 'orders', payload: z.object({}) }) {}

describe('stopping an app on RabbitMQ', () => {
  const broker = bed()

  test('S2 an app whose link carries nothing stops within its deadline', async () => {
    const namespace = broker.namespace()
    @Service('billing')
    class Billing {
      seen = 0

      @Listener(Placed)
      on(): void {
        this.seen++
      }
    }
    const transport = rabbitmq({ url: proxied(broker.proxy), heartbeat: '60s' })
    const app = createApp({ name: 'shop', namespace, services: [Billing], signals: false, log: false, transport, shutdown: '2s' })
    onTestFinished(() => app.stop())
    onTestFinished(() => broker.proxy.heal())
    await app.start()
    broker.remember(namespace, [channelOf('orders')])
    await app.publish(new Placed({}))
    await soon(() => app.get(Billing).seen === 1)

    broker.proxy.blackHole()
    await app.stop()

    expect(app.health().state).toBe('stopped')
  })
})
