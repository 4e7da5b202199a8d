import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { decodeFetch } from '../../packages/transport-kafka/src/fetch-answer.js'
import { driverCodecs as codecs } from '../../packages/transport-kafka/src/kafkajs/codecs.js'
import type { LogBatch } from '../../packages/transport-kafka/src/log-batch.js'
import { encodeProduce } from '../../packages/transport-kafka/src/record-batch.js'
import { toRecord, type WireRecord } from '../../packages/transport-kafka/src/wire.js'
import { message } from './bed.js'

interface Known {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer>>
}
interface Reader {
  decode(answer: Buffer): Promise<{ readonly responses: readonly { readonly topicName: string; readonly partitions: readonly { readonly messages: readonly Known[] }[] }[] }>
}

/** What kafkajs itself reads is the measure: these files of its are not for the public. */
const load = createRequire(import.meta.url)
const timestamp = 1_790_000_000_123
const recordsAt = 61

describe('the answer to a fetch', () => {
  test.each([4, 5, 6, 7, 8, 9, 10, 11])('of version %d reads as kafkajs reads it', async (version) => {
    const answer = answerOf(version, [batchOf(0, [record('{"total":1}', 'o-1'), record('grün', undefined, { city: 'Zürich', none: '' })]), batchOf(2, many(1_000))])
    const theirs = load(`kafkajs/src/protocol/requests/fetch/v${version}/response`) as Reader

    const known = await theirs.decode(answer)
    const found = await decodeFetch(answer, version, codecs)

    expect(found.responses[0]?.topicName).toBe('orders')
    expect(found.responses[0]?.partitions[0]).toMatchObject({
      partition: 3,
      errorCode: 0,
      highWatermark: '5000000000',
      abortedTransactions: [{ producerId: '7', firstOffset: '1' }],
    })
    expect(seen(found.responses[0]?.partitions[0]?.messages ?? [])).toEqual((known.responses[0]?.partitions[0]?.messages ?? []).map(plain))
  })

  test('gives compressed records as they were', async () => {
    const batch = batchOf(5, many(100))
    const packed = Buffer.concat([batch.subarray(0, recordsAt), gzipSync(batch.subarray(recordsAt))])
    packed.writeInt32BE(packed.length - 12, 8)
    packed.writeInt16BE(1, 21)

    const found = await decodeFetch(answerOf(11, [packed]), 11, codecs)

    expect(seen(found.responses[0]?.partitions[0]?.messages ?? [])).toEqual(
      seen((await decodeFetch(answerOf(11, [batch]), 11, codecs)).responses[0]?.partitions[0]?.messages ?? []),
    )
  })

  test('leaves out a batch that is cut off, and what lies before the offset that was asked for', async () => {
    const whole = batchOf(0, many(10))

    const found = await decodeFetch(answerOf(11, [whole, batchOf(10, many(10)).subarray(0, 200)]), 11, codecs)
    const batches = found.responses[0]?.partitions[0]?.messages ?? []
    batches[0]?.skipTo(7)

    expect(batches.map(({ lastOffset }) => lastOffset)).toEqual([9])
    expect([...(batches[0] ?? [])].map(({ offset }) => offset)).toEqual([7, 8, 9])
  })

  test('ends where the records of a batch do not fit in it, and nothing is read beyond', async () => {
    const broken = Buffer.from(batchOf(2, many(3)))
    broken.writeInt32BE(4, recordsAt - 4)

    const found = await decodeFetch(answerOf(11, [batchOf(0, many(2)), broken, batchOf(5, many(2))]), 11, codecs)
    const { messages = [], unreadable } = found.responses[0]?.partitions[0] ?? {}

    expect(messages.map(({ lastOffset }) => lastOffset)).toEqual([1])
    expect(unreadable).toMatchObject({ offset: 2, timestamp, error: { message: expect.stringContaining('The batch at offset 2 was expected to hold 4 records') } })
  })

  test('gives a header that came twice as a list, and one that is no text as bytes', async () => {
    const headers = { twice: ['a', Buffer.from('b'), 'c'], bytes: Buffer.from([0, 255]), empty: '', ['long'.repeat(50)]: 'ü'.repeat(100) }

    const found = await decodeFetch(answerOf(11, [batchOf(0, [record('x', 'k', headers)])]), 11, codecs)
    const [first] = [...(found.responses[0]?.partitions[0]?.messages[0] ?? [])]

    expect(first?.headers()).toMatchObject({ twice: ['a', 'b', 'c'], bytes: Buffer.from([0, 255]), empty: '', ['long'.repeat(50)]: 'ü'.repeat(100) })
  })

  test('gives each record its own headers, however much they are like those of the record before', async () => {
    const all = [
      { city: 'Ulm', tenant: 'acme' },
      { city: 'Ulm', tenant: 'acme' },
      { city: 'é', tenant: Buffer.from([255]) },
      { city: Buffer.from([0xe9]), tenant: 'acme' },
      { city: '', tenant: ['a', 'b'] },
      { tenant: 'acme', city: 'Ulm' },
      { town: 'Ulm', tenant: 'é' },
      { town: 'Ulm', tenant: '' },
      { town: 'Bonn' },
    ]

    const found = await decodeFetch(
      answerOf(11, [
        batchOf(
          0,
          all.map((headers) => record('x', 'k', headers)),
        ),
      ]),
      11,
      codecs,
    )
    const records = [...(found.responses[0]?.partitions[0]?.messages[0] ?? [])]

    expect(records.map((one) => own(one.headers()))).toEqual(all.map((headers) => ({ ...headers })))
  })
})

function seen(batches: readonly LogBatch[]): unknown[] {
  return batches.flatMap((batch) =>
    [...batch].map((found) => ({ offset: found.offset, timestamp: found.timestamp, key: found.key, value: found.value, headers: { ...found.headers() } })),
  )
}

/** Without the envelope. */
function own(headers: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => ['city', 'tenant', 'town'].includes(name)))
}

function plain({ offset, timestamp: at, key, value, headers }: Known): unknown {
  return { offset: Number(offset), timestamp: Number(at), key, value, headers: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, bytes.toString()])) }
}

/** A batch as the broker keeps it: what a produce request carries, with its offset written in. */
function batchOf(offset: number, records: readonly WireRecord[]): Buffer {
  const request = encodeProduce({ topic: 'orders', partition: 0, records, timestamp })
  const batch = Buffer.from(request.subarray(26 + 'orders'.length))
  batch.writeBigInt64BE(BigInt(offset), 0)

  return batch
}

function answerOf(version: number, batches: readonly Buffer[]): Buffer {
  const records = Buffer.concat(batches)
  const topic = Buffer.from('orders')
  const session = version >= 7 ? [int(2, 0), int(4, 0)] : []

  return Buffer.concat([
    ...[int(4, 0), ...session, int(4, 1), int(2, topic.length), topic, int(4, 1), int(4, 3), int(2, 0), int(8, 5_000_000_000), int(8, 5_000_000_000)],
    ...[...(version >= 5 ? [int(8, 0)] : []), int(4, 1), int(8, 7), int(8, 1), ...(version >= 11 ? [int(4, -1)] : []), int(4, records.length), records],
  ])
}

function int(size: 2 | 4 | 8, value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))

  return bytes.subarray(8 - size)
}

function many(count: number): WireRecord[] {
  return Array.from({ length: count }, (_, i) => record(`{"id":${i}}`, i % 3 === 0 ? undefined : `k${i}`, { index: i }))
}

function record(text: string, key?: string, headers: Record<string, unknown> = {}): WireRecord {
  return toRecord(message('orders', text, { headers: headers as Record<string, string> }), key)
}
