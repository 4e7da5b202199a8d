import { randomUUID } from 'node:crypto'
import { createApp, Event, Listener, Publisher, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { kafka } from '@waybill/transport-kafka'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { removeTopology as removeFromKafka } from '../contract/kafka-subject.js'
import { removeTopology as removeFromRabbit } from '../contract/rabbit-subject.js'

const payload = z.object({ orderId: z.string() })

class Ordered extends Event('order.placed', { channel: 'orders', payload }) {}
class Noted extends Event('audit.noted', { channel: 'audit.orders', key: 'orderId', payload }) {}

@Service('desk')
class Desk {
  readonly noted: string[] = []

  @Listener(Ordered)
  @Publisher(Noted)
  async order({ orderId }: Ordered): Promise<Noted> {
    return new Noted({ orderId })
  }

  @Listener(Noted)
  note({ orderId }: Noted): void {
    this.noted.push(orderId)
  }
}

test('one app works on RabbitMQ and Kafka: what comes over one leaves over the other, before it is acknowledged', { timeout: 60_000 }, async () => {
  const namespace = `b-${randomUUID().slice(0, 8)}`
  const app = createApp({
    name: 'shop',
    namespace,
    services: [Desk],
    signals: false,
    log: false,
    transports: {
      queue: rabbitmq({ url: process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672' }),
      log: kafka({ brokers: (process.env['WAYBILL_KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(',') }),
    },
    channels: { 'audit.#': { transport: 'log', partitions: 2 } },
  })
  onTestFinished(async () => {
    await app.stop()
    const topology = { asks: true, channels: app.topology.channels }
    await Promise.all([removeFromRabbit([{ namespace, app: 'shop', topology }]), removeFromKafka([{ namespace, app: 'shop', topology }])])
  })
  await app.start()

  await app.publish(Array.from({ length: 20 }, (_, i) => new Ordered({ orderId: `o-${i}` })))
  await eventually(() => app.get(Desk).noted.length === 20, { within: 30_000 })

  expect(new Set(app.get(Desk).noted).size).toBe(20)
  expect(app.topology.channels.map(({ name, transport }) => `${name} on ${transport}`)).toEqual(['audit.orders on log', 'orders on queue'])
})
