import assert from 'node:assert/strict'
import type { Outgoing, PublishOutcome } from '@waybill/core'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import { moved } from './layout.js'
import { pair, sameMessage } from './publishing.js'

export const hostile: readonly Scenario[] = [
  {
    title: 'B02 header names that are special to JavaScript or to a broker arrive or are rejected, and harm nothing',
    async run(bench) {
      const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', 'k'.repeat(255), 'k'.repeat(256), '\u0000', 'é'.repeat(127)]
      const batch = names.map((name) => bench.message({ headers: single(name, 'value') }))

      await arriveOrAreRejected(bench, batch)

      assert.equal(({} as Record<string, unknown>).value, undefined)
      assert.equal(Object.getPrototypeOf({}), Object.prototype)
    },
  },
  {
    title: 'B01 headers of any size and nesting settle, and the next message arrives',
    async run(bench) {
      const headers = [
        { large: 'x'.repeat(70_000) },
        Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`h${index}`, 'x'.repeat(40)])),
        { nested: { list: [1, 'two', { three: true }] } },
        { deep: nested(100) },
        { deep: nested(5_000) },
        { nothing: null, missing: undefined, date: new Date(0), bytes: new Uint8Array([1, 2]) },
        { notANumber: Number.NaN, infinite: Number.POSITIVE_INFINITY, tiny: 5e-324, bigint: 10n },
      ]

      await settleAndGoOn(
        bench,
        headers.map((value) => bench.message({ headers: value })),
      )
    },
  },
  {
    title: 'B07 bytes that are no JSON arrive untouched',
    async run(bench) {
      const bodies = ['{"total":', '\ufeff{}', '"\\ud800"', '1e400', '{"__proto__":{"value":1}}', '['.repeat(5_000) + ']'.repeat(5_000), '\u0000'].map((text) => Buffer.from(text))
      const raw = [Buffer.from([0xff, 0xfe, 0xfd]), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))]

      await arriveOrAreRejected(
        bench,
        [...bodies, ...raw].map((body) => bench.message({ body })),
        'confirmed',
      )
    },
  },
  {
    title: 'B08 a content type that lies and an encoding that nobody knows arrive as they are',
    async run(bench) {
      const batch = [
        bench.message({ text: 'not gzip', contentEncoding: 'gzip' }),
        bench.message({ text: '{}', contentType: 'application/pdf', contentEncoding: 'x-unknown' }),
        bench.message({ text: '{}', contentType: 'a/b; charset="\u00fc"' }),
      ]

      await arriveOrAreRejected(bench, batch, 'confirmed')
    },
  },
  {
    title: 'B12 ids, keys and types of any length and script arrive or are rejected',
    async run(bench) {
      const batch = [
        bench.message({ envelope: { id: 'i'.repeat(200) } }),
        bench.message({ envelope: { id: 'i'.repeat(40_000) } }),
        bench.message({ envelope: { id: `ид-${bench.appName}` } }),
        bench.message({ envelope: { source: '', time: 'no time at all', traceparent: 'malformed' } }),
        ...['', ' ', 'ключ 🚚', 'k'.repeat(500), 'a.b.*.#'].map((key) => bench.message({ type: moved, key })),
      ]

      await arriveOrAreRejected(bench, batch)
    },
  },
]

/** Each is confirmed and the same on the other side, or rejected; and the consumer goes on. */
async function arriveOrAreRejected(bench: Bench, batch: readonly Outgoing[], insist?: PublishOutcome['kind']): Promise<void> {
  const { outcomes, received } = await settleAndGoOn(bench, batch)

  for (const [index, message] of batch.entries()) {
    if (insist) assert.equal(outcomes[index]?.kind, insist)
    if (outcomes[index]?.kind === 'confirmed') sameMessage(await received(message), message)
  }
}

interface Aftermath {
  readonly outcomes: readonly PublishOutcome[]
  received(message: Outgoing): ReturnType<Awaited<ReturnType<typeof pair>>['receiver']['got']>
}

async function settleAndGoOn(bench: Bench, batch: readonly Outgoing[]): Promise<Aftermath> {
  const { peer, receiver } = await pair(bench)
  const outcomes = await peer.publish(batch)
  const marker = bench.message()
  await peer.send(marker)
  await receiver.got(marker.envelope.id)
  const unclear = outcomes.filter((outcome) => outcome.kind !== 'confirmed' && outcome.kind !== 'rejected')
  assert.deepEqual(unclear, [], 'Each outcome is confirmed or rejected.')

  return { outcomes, received: (message) => receiver.got(message.envelope.id) }
}

/** An own property, whatever its name. */
function single(name: string, value: string): Record<string, unknown> {
  const headers = Object.create(null) as Record<string, unknown>
  Object.defineProperty(headers, name, { value, enumerable: true, writable: true, configurable: true })

  return headers
}

function nested(levels: number): unknown {
  let value: unknown = 'end'
  for (let level = 0; level < levels; level++) value = { value }

  return value
}
