import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { KafkajsProducer } from '../../packages/transport-kafka/src/kafkajs/producer.js'
import { toRecord } from '../../packages/transport-kafka/src/wire.js'
import { bed, channelOf, eventually, listen, message, send } from './bed.js'

describe('the producer of batches', () => {
  const { admin, channel, client, party, topic: make } = bed()

  test('a body whose memory is given away before it is sent is rejected alone', async () => {
    const name = channel()
    const one = await party([channelOf(name)])
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    const body = new Uint8Array(Buffer.from('gone'))

    const settled = send(one.transport, [message(name, 'first'), message(name, '', { body }), message(name, 'last')])
    structuredClone(body.buffer, { transfer: [body.buffer] })

    expect((await settled).map(({ kind }) => kind)).toEqual(['confirmed', 'rejected', 'confirmed'])
    await eventually(() => inbox.received.length === 2)
    expect(inbox.texts()).toEqual(['first', 'last'])
  })

  test('a partition that nobody leads is an error, and the next batch goes', async () => {
    const { topic, producer } = await connected()

    const refused = await producer.send(batchFor(topic, 9)).catch((error: unknown) => error)
    await producer.send(batchFor(topic, 0))
    await producer.close()

    expect(refused).toMatchObject({ cause: { type: 'LEADER_NOT_AVAILABLE' } })
    expect(await admin.fetchTopicOffsets(topic)).toMatchObject([{ high: '1' }])
  })

  test('a refusal of the broker comes as its own error', async () => {
    const { topic, producer } = await connected()

    const refused = await producer.send(batchFor(topic, 0, 'x'.repeat(2_000 * 1024))).catch((error: unknown) => error)
    await producer.close()

    expect(refused).toMatchObject({ name: 'KafkaJSProtocolError', type: 'MESSAGE_TOO_LARGE' })
  })

  test('a batch under way when the broker closes the connection is an error, and the next one gets through', async () => {
    const sockets: Socket[] = []
    const watch = (message: unknown): void => void sockets.push((message as { readonly socket: Socket }).socket)
    subscribe('net.client.socket', watch)
    const { topic, producer } = await connected()
    await producer.send(batchFor(topic, 0))

    const underWay = producer.send(batchFor(topic, 0, 'x'.repeat(500 * 1024))).catch((error: unknown) => error)
    while (!sockets.some(({ bytesWritten }) => bytesWritten > 500 * 1024)) await turn()
    for (const socket of sockets) socket.emit('end')
    const lost = await underWay
    await producer.send(batchFor(topic, 0))
    await producer.close()
    unsubscribe('net.client.socket', watch)

    expect(lost).toMatchObject({ name: 'KafkaJSConnectionClosedError' })
  })

  test('nothing is sent after close', async () => {
    const { topic, producer } = await connected()
    await producer.send(batchFor(topic, 0))

    await producer.close()
    const late = await producer.send(batchFor(topic, 0)).catch((error: unknown) => error)

    expect(late).toMatchObject({ code: 'TRANSPORT_CLOSED' })
    expect(await admin.fetchTopicOffsets(topic)).toMatchObject([{ high: '1' }])
  })

  async function connected(): Promise<{ readonly topic: string; readonly producer: KafkajsProducer }> {
    const topic = channel()
    await make(topic)
    const producer = new KafkajsProducer(client)
    await producer.connect()

    return { topic, producer }
  }
})

function batchFor(topic: string, partition: number, text = 'm') {
  return { topic, partition, records: [toRecord(message(topic, text), undefined)], timestamp: Date.now() }
}
