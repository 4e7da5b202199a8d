import { readFileSync } from 'node:fs'
import { murmur2 } from '@waybill/core'
import { describe, expect, test } from 'vitest'
import { partitionOf } from '../../packages/transport-kafka/src/publisher.js'
import { bed, channelOf, eventually, listen, message, send } from './bed.js'

interface JavaKey {
  readonly key: string
  readonly murmur2: number
  readonly of3: number
}

/** Computed once by Kafka's own Java client; the file says how. */
const java = JSON.parse(readFileSync(new URL('java-partitions.json', import.meta.url), 'utf8')) as {
  readonly keys: readonly JavaKey[]
  readonly many: { readonly of: number; readonly partitions: string }
}

describe('the partition of a key', () => {
  const { channel, party } = bed()

  test('KP4 ten thousand keys have the partitions that the Java client chooses', () => {
    const chosen = Buffer.from(java.many.partitions, 'base64')

    const found = Array.from(chosen, (_, index) => partitionOf(keyOf(index), java.many.of))

    expect(found.length).toBe(10_000)
    expect(found).toEqual([...chosen])
  })

  test.each(java.keys)('KP4 "$key" has the hash that the Java client computes', ({ key, murmur2: expected }) => {
    expect(murmur2(Buffer.from(key, 'utf8'))).toBe(expected)
  })

  test('KP4 messages lie in the partitions that the Java client chooses', async () => {
    const name = channel()
    const one = await party([channelOf(name, ['billing'], { partitions: 3 })])
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 100 })

    await send(
      one.transport,
      java.keys.map(({ key }) => message(name, key, { key })),
    )
    await eventually(() => inbox.received.length === java.keys.length)

    const found = inbox.received.map(({ envelope, origin }) => [envelope.subject, origin.partition])
    expect(new Map(found as [string, number][])).toEqual(new Map(java.keys.map(({ key, of3 }) => [key, of3])))
  })

  test('messages of one key arrive in the order in which they were published', async () => {
    const name = channel()
    const one = await party([channelOf(name, ['billing'], { partitions: 3 })])
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 50 })

    await Promise.all(Array.from({ length: 300 }, (_, i) => send(one.transport, [message(name, String(i), { key: `k${i % 7}` })])))
    await eventually(() => inbox.received.length === 300)

    for (let key = 0; key < 7; key++) {
      const numbers = inbox.received.filter(({ envelope }) => envelope.subject === `k${key}`).map(({ body }) => Number(Buffer.from(body).toString()))
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    }
  })
})

/** Keys of several lengths and scripts: the file has what the Java client chose for each of them. */
function keyOf(index: number): string {
  const forms = [
    `order-${index}`,
    `${(index * 2_654_435_761).toString(16)}-${index}`,
    `${'ü'.repeat(index % 7)}${index}`,
    `注文${index}${'😀'.repeat(index % 3)}`,
    `${'x'.repeat(index % 61)}${index}`,
  ]

  return forms[index % forms.length] as string
}
