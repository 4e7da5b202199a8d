import { createRequire } from 'node:module'
import type { IHeaders, Message } from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { encodeProduce } from '../../packages/transport-kafka/src/record-batch.js'
import { toRecord, type WireRecord } from '../../packages/transport-kafka/src/wire.js'
import { message } from './bed.js'

interface Encoded {
  readonly request: { readonly apiVersion: number; encode(): Promise<{ readonly buffer: Buffer }> }
}
interface ProduceRequests {
  protocol(of: { readonly version: number }): (request: object) => Encoded
}

/** What kafkajs itself sends is the measure: this file of its is not for the public. */
const kafkajs = createRequire(import.meta.url)('kafkajs/src/protocol/requests/produce') as ProduceRequests
const timestamp = 1_790_000_000_123

const bodies: readonly (readonly [string, readonly WireRecord[]])[] = [
  ['one record with a key', [record('{"total":1}', 'o-1')]],
  ['a null key', [record('{"total":1}')]],
  ['an empty key and an empty value', [record('', '')]],
  ['headers and a key beyond ASCII', [record('grün', 'schlüssel-🔑', { city: 'Zürich', 'naïve-名前': '値', half: '\ud83d' })]],
  ['a header that is bytes, none or a list', [record('x', 'k', { bytes: Buffer.from([0, 255, 128]), none: null, list: ['a', Buffer.from('b'), 'ü'], empty: [] })]],
  [
    'texts about the lengths where a length takes another byte',
    [62, 63, 64, 65, 8_191, 8_192, 8_193].map((length) => record('v'.repeat(length), 'k'.repeat(length), { ['h'.repeat(length)]: 'é'.repeat(length) })),
  ],
  ['1,000 records', Array.from({ length: 1_000 }, (_, i) => record(`{"id":${i}}`, i % 3 === 0 ? undefined : `k${i}`, { index: i }))],
  ['a record of 900 KiB', [record('x'.repeat(900 * 1024), 'large')]],
  ['900 KiB of records of 1 KiB', Array.from({ length: 900 }, (_, i) => record('y'.repeat(1_024), `k${i}`))],
]

describe('a produce request', () => {
  test.each(bodies)('of %s is byte for byte the one of kafkajs', async (_, records) => {
    const ours = encodeProduce({ topic: 'orders', partition: 7, records, timestamp })

    expect(ours.equals(await theirs('orders', records, 7))).toBe(true)
  })

  test.each([3, 4, 5, 6, 7])('of version %d has the same bytes', async (version) => {
    const records = [record('{"total":1}', 'o-1')]
    const ours = encodeProduce({ topic: 'bestellungen-für-köln', partition: 0, records, timestamp })

    expect(ours.equals(await theirs('bestellungen-für-köln', records, 0, version))).toBe(true)
  })

  test('is not made when the memory of a body was given away after it was published', () => {
    const body = new Uint8Array(Buffer.from('{"total":1}'))
    const record = toRecord({ ...message('orders', ''), body }, undefined)
    structuredClone(body.buffer, { transfer: [body.buffer] })

    expect(() => encodeProduce({ topic: 'orders', partition: 0, records: [record], timestamp })).toThrow(expect.objectContaining({ type: 'INVALID_RECORD' }))
  })
})

function record(text: string, key?: string, headers: Record<string, unknown> = {}): WireRecord {
  return toRecord(message('orders', text, { headers: headers as Record<string, string> }), key)
}

async function theirs(topic: string, records: readonly WireRecord[], partition: number, version = 7): Promise<Buffer> {
  const topicData = [{ topic, partitions: [{ partition, messages: records.map(asMessage) }] }]
  const { request } = kafkajs.protocol({ version })({ acks: -1, timeout: 30_000, topicData })

  return (await request.encode()).buffer
}

function asMessage({ key, value, headers: list }: WireRecord): Message {
  const headers: Record<string, (string | Buffer)[]> = {}
  for (let at = 0; at < list.length; at += 2) {
    const part = list[at + 1] as string | Buffer
    ;(headers[list[at] as string] ??= []).push(part)
  }

  return { key: key as string | null, value: value as Buffer, headers: headers as IHeaders, timestamp: String(timestamp) }
}
