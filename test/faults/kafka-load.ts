import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { type App, createApp, type Delivery, Event, Listener, PublishError, Service } from '@waybill/core'
import { history } from '@waybill/testing'
import { kafka, type KafkaOptions } from '@waybill/transport-kafka'
import { z } from 'zod'

class OrderMoved extends Event('order.moved', {
  channel: 'orders',
  key: 'orderId',
  payload: z.object({ orderId: z.string(), sequence: z.number() }),
}) {}

export interface LoadOptions {
  readonly brokers: readonly string[]
  readonly partitions?: number
  readonly options?: Partial<KafkaOptions>
}

/** An app that publishes without a pause, others that listen, and the history of both. */
export function kafkaLoad({ brokers, partitions = 6, options = {} }: LoadOptions) {
  const namespace = `f${randomUUID().slice(0, 8)}`
  const journal = history()
  const sequences = new Map<string, number>()
  const apps: App[] = []

  @Service('billing')
  class Billing {
    @Listener(OrderMoved)
    async on({ orderId, sequence }: OrderMoved, { id }: Delivery): Promise<void> {
      await turn()
      journal.processed({ id, group: 'billing', key: orderId, sequence })
    }
  }

  async function open(services: readonly (new () => object)[]): Promise<App> {
    const transport = kafka({ brokers, sessionTimeout: '6s', commitInterval: '100ms', requestTimeout: '3s', ...options })
    const channels = { orders: { partitions } }
    const app = createApp({ name: 'load', namespace, services, channels, transport, signals: false, log: false, publishDeadline: '4s', shutdown: '5s' })
    apps.push(app)
    await app.start()

    return app
  }

  async function publish(app: App, count: number): Promise<void> {
    const messages = Array.from({ length: count }, (_, index) => {
      const orderId = `order-${index % 20}`
      const sequence = (sequences.get(orderId) ?? 0) + 1
      sequences.set(orderId, sequence)

      return new OrderMoved({ orderId, sequence })
    })
    const ids = messages.map(() => randomUUID())
    for (const id of ids) journal.attempted(id)
    await Promise.all(messages.map((message, index) => settle(app.publish(message, { id: ids[index] as string }), ids[index] as string)))
  }

  async function settle(publishing: Promise<void>, id: string): Promise<void> {
    try {
      await publishing
      journal.confirmed(id)
    } catch (error) {
      const kind = error instanceof PublishError ? error.failures[0]?.outcome.kind : 'rejected'
      if (kind === 'unknown') journal.unknown(id)
      else journal.rejected(id)
    }
  }

  return {
    namespace,
    journal,
    verdict: () => journal.check({ groups: ['billing'] }),
    listener: () => open([Billing]),
    publisher: () => open([]),
    publish,
    /** Publishes batch after batch until the work is done. */
    async during(app: App, work: Promise<unknown>): Promise<void> {
      let isOver = false
      const ended = work.finally(() => {
        isOver = true
      })
      while (!isOver) {
        await publish(app, 40)
        await turn()
      }
      await ended
    },
    close: () => Promise.all(apps.map((app) => app.stop())),
  }
}
