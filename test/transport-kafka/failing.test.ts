import { type App, createApp, Event, Listener, Service } from '@waybill/core'
import { kafka } from '@waybill/transport-kafka'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { bed, brokers, eventually } from './bed.js'

class OrderMoved extends Event('order.moved', { channel: 'orders', key: 'orderId', payload: z.object({ orderId: z.string(), step: z.number() }) }) {}

const of = { channel: 'orders', group: 'billing' }

describe('records that nobody can do', () => {
  const { admin, channel, topic } = bed()
  const apps: App[] = []
  afterEach(() => Promise.all(apps.splice(0).map((app) => app.stop())))

  test('K4 one that always fails has its tries, is a dead letter with its origin, and its partition moves on', async () => {
    const { app, namespace, tries } = await started()

    await app.publish([1, 2, 3].map((step) => new OrderMoved({ orderId: 'a', step })))
    await eventually(() => tries.includes(3))
    await eventually(async () => (await app.deadLetters.list(of)).length === 1)

    const [letter] = await app.deadLetters.list(of)
    expect(tries).toEqual([1, 2, 2, 2, 3])
    expect(letter).toMatchObject({ attempts: 3, key: 'a', origin: { address: `${namespace}.orders`, partition: 0, offset: '1' } })
    expect(letter?.origin?.storedAt).toBeGreaterThan(0)
    await eventually(async () => (await committed(namespace)) === 3)
  })

  test('K15 one whose tries are over is never committed before it is safe among the dead letters', async () => {
    const { app, namespace, tries, lines } = await started()
    const dead = `${namespace}.orders.billing.dead`
    await admin.deleteTopics({ topics: [dead] })
    await eventually(async () => !(await admin.listTopics()).includes(dead))

    await app.publish([1, 2, 3].map((step) => new OrderMoved({ orderId: 'a', step })))
    await eventually(() => lines.some((line) => line.includes('was not taken')))
    const meanwhile = await committed(namespace)
    await topic(dead)
    await eventually(() => tries.includes(3))

    expect(meanwhile).toBeLessThanOrEqual(1)
    expect((await app.deadLetters.list(of)).length).toBe(1)
    await eventually(async () => (await committed(namespace)) === 3)
  })

  async function started() {
    const namespace = channel()
    const tries: number[] = []
    const lines: string[] = []
    @Service('billing')
    class Billing {
      @Listener(OrderMoved, { retry: { attempts: 3, backoff: ['10ms'] } })
      on({ step }: OrderMoved): void {
        tries.push(step)
        if (step === 2) throw new TypeError('Not this one.')
      }
    }
    const line = (text: string): void => void lines.push(text)
    const transport = kafka({ brokers, commitInterval: '50ms' })
    const app = createApp({ name: 'shop', namespace, services: [Billing], transport, signals: false, log: { debug: line, info: line, warn: line, error: line } })
    apps.push(app)
    await app.start()

    return { app, namespace, tries, lines }
  }

  async function committed(namespace: string): Promise<number> {
    const [found] = await admin.fetchOffsets({ groupId: `${namespace}.orders.billing`, topics: [`${namespace}.orders`] })

    return Number(found?.partitions[0]?.offset)
  }
})
