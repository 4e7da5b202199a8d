import { compressionsAlgorithms } from '@platformatic/kafka'
import { type App, createApp, Event, Listener, Service } from '@waybill/core'
import { kafka, type KafkaOptions } from '@waybill/transport-kafka'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { partitionOf } from '../../packages/transport-kafka/src/publisher.js'
import { bed, brokers, channelOf, drivers, eventually, listen, message, send } from './bed.js'

class OrderPlaced extends Event('order.placed', { channel: 'orders', key: 'orderId', payload: z.object({ orderId: z.string(), note: z.string() }) }) {}

const { compressSync: compress, decompressSync: decompress } = compressionsAlgorithms.lz4
const packed: Partial<KafkaOptions> = { compression: 'lz4', codecs: { lz4: { compress, decompress } } }
const keyOf = (partition: number): string => ['a', 'b', 'c', 'd', 'e', 'f'].find((key) => partitionOf(key, 2) === partition) ?? ''
const [held, free] = [keyOf(0), keyOf(1)]
/** What gets smaller: what does not is sent as it is. */
const letters = (text: string): string => `${text}, `.repeat(100)
const order = (orderId: string): string => JSON.stringify({ orderId, note: letters(orderId) })

describe('a batch that cannot be read', () => {
  const { channel, party } = bed()
  const apps: App[] = []
  afterEach(() => Promise.all(apps.splice(0).map((app) => app.stop())))

  test.each(drivers)('holds its partition alone, and log and health say where, why and what to do, through %s', async (_, options) => {
    const namespace = channel()
    const topic = `${namespace}.orders`
    const packer = await party([channelOf(topic, [], { partitions: 2 })], { options: packed })
    const plain = await party([channelOf(topic, [], { partitions: 2 })])
    await send(plain.transport, [message(topic, order(held), { key: held })])
    await send(packer.transport, [message(topic, order(held), { key: held })])
    const { app, taken, lines } = await reader(namespace, options)

    await send(plain.transport, [message(topic, order(free), { key: free })])
    await eventually(
      () => taken.includes(free),
      () => lines.slice(-3),
    )
    await eventually(() => app.health().reasons.length > 0)
    await send(plain.transport, [message(topic, order(free), { key: free })])
    await eventually(() => taken.length === 3)

    const { ready, reasons, consumers, connections } = app.health()
    const said = lines.filter((line) => line.includes('cannot be read'))
    expect(taken.sort()).toEqual([held, free, free].sort())
    expect(ready).toBe(false)
    expect(reasons.join()).toContain(`Group "billing" on "orders" does not read partition 0 of "${topic}": `)
    for (const text of [reasons.join(), said.join()]) for (const part of ['offset 1', '"lz4"', '"codecs"', 'seek']) expect(text).toContain(part)
    expect(said.length).toBe(1)
    expect(consumers[0]?.partitions?.filter(({ reason }) => reason !== undefined)).toMatchObject([{ address: topic, partition: 0 }])
    expect(connections.every(({ kind }) => kind === 'connected')).toBe(true)
  })

  test.each(drivers)('is read when its codec can, and so is what stands behind it, through %s', async (_, options) => {
    const name = channel()
    const packer = await party([channelOf(name)], { options: packed })
    await send(packer.transport, [message(name, letters('first'))])
    await send(packer.transport, [message(name, letters('second'))])
    let isReady = false
    const unpack = (records: Buffer): Buffer => {
      if (!isReady) throw new Error('not yet')

      return decompress(records)
    }
    const one = await party([channelOf(name)], { options: { ...options, stallTimeout: '200ms', codecs: { lz4: { decompress: unpack } } } })

    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    const reason = (): string | undefined => inbox.consumer.health().partitions?.find(({ address }) => address === name)?.reason
    await eventually(() => reason()?.includes('not yet') === true, reason)
    isReady = true
    await eventually(() => inbox.received.length === 2)

    expect(inbox.texts()).toEqual(['first', 'second'].map(letters))
    expect(reason()).toBeUndefined()
    expect(one.states.filter(({ kind }) => kind === 'lost')).toEqual([])
  })

  async function reader(namespace: string, options: Partial<KafkaOptions>) {
    const taken: string[] = []
    const lines: string[] = []
    @Service('billing')
    class Billing {
      @Listener(OrderPlaced)
      on({ orderId }: OrderPlaced): void {
        taken.push(orderId)
      }
    }
    const line = (text: string, about?: object): void => void lines.push(`${text} ${JSON.stringify(about)}`)
    const transport = kafka({ brokers, stallTimeout: '500ms', ...options })
    const log = { debug: () => {}, info: line, warn: line, error: line }
    const app = createApp({ name: 'shop', namespace, services: [Billing], transport, channels: { orders: { partitions: 2 } }, signals: false, log })
    apps.push(app)
    await app.start()

    return { app, taken, lines }
  }
})
