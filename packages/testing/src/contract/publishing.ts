import assert from 'node:assert/strict'
import type { Outgoing, RawDelivery } from '@waybill/core'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import { lost } from './layout.js'
import type { Peer } from './peer.js'
import type { Receiver } from './receiver.js'

export const publishing: readonly Scenario[] = [
  {
    title: 'envelope, headers and bytes arrive as they were sent',
    async run(bench) {
      const envelope = {
        dataVersion: 3,
        correlationId: 'corr-1',
        causationId: 'cause-1',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        tracestate: 'vendor=1',
        baggage: 'tenant=acme',
      }
      const headers = { text: 'plain', number: 42, fraction: 1.5, negative: -7, big: 2 ** 53 - 1, yes: true, no: false }
      const message = bench.message({ text: '{"total":1}', envelope, headers, key: 'order-7', contentType: 'application/vnd.acme+json', contentEncoding: 'identity' })

      const delivery = await sendAndReceive(bench, message)

      sameMessage(delivery, message)
    },
  },
  {
    title: 'an envelope with nothing optional in it arrives with nothing optional in it',
    async run(bench) {
      const message = bench.message({ text: 'x', contentType: undefined })

      const delivery = await sendAndReceive(bench, message)

      sameMessage(delivery, message)
      assert.equal(delivery.contentType, undefined)
      assert.equal(delivery.replyTo, undefined)
    },
  },
  {
    title: 'an empty body and one of 900 KiB arrive whole',
    async run(bench) {
      const { peer, receiver } = await pair(bench)
      const large = Buffer.from(Array.from({ length: 900 * 1024 }, (_, index) => (index * 31 + (index >> 8)) % 256))

      await peer.send(bench.message({ body: large, text: 'large' }), bench.message({ body: new Uint8Array(0) }))

      const deliveries = await receiver.arrived(2)
      assert.deepEqual(
        deliveries.map((delivery) => delivery.body.length).sort((a, b) => a - b),
        [0, large.length],
      )
      assert.ok(
        deliveries.some((delivery) => large.equals(delivery.body)),
        'The large body is the same byte by byte.',
      )
    },
  },
  {
    title: 'header names and values of every script arrive untouched',
    async run(bench) {
      const headers = {
        ключ: 'значение',
        'with space': 'ein Wert',
        'quote"\'\\': '"\'\\',
        emoji: '🚚📦',
        newline: 'a\nb\tc',
        UPPER: 'a',
        upper: 'b',
        empty: '',
        'a.b-c_d/e': '=;,',
      }
      const message = bench.message({ headers })

      const delivery = await sendAndReceive(bench, message)

      sameMessage(delivery, message)
    },
  },
  {
    title: 'P15 a body that is larger than the broker takes is rejected alone',
    needs: ['maxBodyBytes'],
    async run(bench) {
      const { peer, receiver } = await pair(bench, 1000)
      const limit = peer.capabilities.maxBodyBytes as number
      const batch = bench.messages(1000, (index) => (index === 500 ? { body: Buffer.alloc(limit + 1) } : {}))

      const outcomes = await peer.publish(batch)

      const refused = outcomes.flatMap((outcome, index) => (outcome.kind === 'confirmed' ? [] : [{ index, kind: outcome.kind }]))
      assert.deepEqual(refused, [{ index: 500, kind: 'rejected' }])
      await receiver.arrived(999)
    },
  },
  {
    title: 'an empty batch does nothing, before and after others',
    async run(bench) {
      const { peer, receiver } = await pair(bench)
      let settled = 0
      const nothing = (): void => peer.transport.publish([], () => settled++)

      nothing()
      await peer.send(bench.message({ text: 'between' }))
      nothing()
      await receiver.arrived(1)
      await peer.close()
      nothing()

      assert.equal(settled, 0)
      assert.deepEqual(receiver.texts, ['between'])
    },
  },
  {
    title: 'P14 an event that nobody hears is confirmed',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel, { groups: [] })

      const outcomes = await peer.publish([bench.message(), bench.message({ key: 'a' })])

      assert.deepEqual(
        outcomes.map((outcome) => outcome.kind),
        ['confirmed', 'confirmed'],
      )
    },
  },
  {
    title: 'P1 a mandatory message that nobody takes is unroutable, and the outcome names where it went',
    needs: ['unroutable'],
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)
      const batch = [
        bench.message({ mandatory: true }),
        bench.message({ mandatory: true, type: lost }),
        bench.messageTo({ kind: 'group', channel: bench.channel, group: 'nobody' }, { mandatory: true }),
        bench.message({ mandatory: false, type: lost }),
      ]

      const outcomes = await peer.publish(batch)

      assert.deepEqual(
        outcomes.map((outcome) => outcome.kind),
        ['confirmed', 'unroutable', 'unroutable', 'confirmed'],
      )
      const reasons = outcomes.map((outcome) => ('reason' in outcome ? outcome.reason : ''))
      assert.ok(reasons[1]?.includes(bench.channel) && reasons[1].includes(lost), `The reason names channel and message: ${reasons[1]}`)
      assert.ok(reasons[2]?.includes('nobody'), `The reason names the group: ${reasons[2]}`)
    },
    async without(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)

      await peer.send(bench.message({ mandatory: true, type: lost }))
    },
  },
  {
    title: 'P15 a batch of two thousand settles message by message and arrives whole',
    async run(bench) {
      const { peer, receiver } = await pair(bench, 500)
      const batch = bench.messages(2000)

      await peer.send(...batch)

      await receiver.arrived(2000)
      assert.equal(new Set(receiver.ids).size, 2000)
      assert.equal(receiver.received.length, 2000)
    },
  },
  {
    title: 'P13 200 concurrent publishes over a slow link do not wait for each other',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)
      await peer.send(bench.message())
      const latencyMs = 50
      bench.subject.slow?.(latencyMs)

      const from = bench.runtime.elapsed()
      const outcomes = (await Promise.all(bench.messages(200).map((message) => peer.give([message])))).flat()
      const tookMs = bench.runtime.elapsed() - from

      assert.ok(outcomes.every((outcome) => outcome.kind === 'confirmed'))
      assert.ok(tookMs < (200 * latencyMs) / 5, `More than 5 are in flight; 200 took ${Math.round(tookMs)} ms with ${latencyMs} ms each way.`)
    },
  },
]

/** A peer that publishes and one that takes, on the channel of the case. */
export async function pair(bench: Bench, window = 100): Promise<{ readonly peer: Peer; readonly receiver: Receiver }> {
  const peer = await bench.peer()
  await peer.declare(bench.channel, { keyed: true })
  const receiver = await peer.listen(bench.group(), { window })

  return { peer, receiver }
}

async function sendAndReceive(bench: Bench, message: Outgoing): Promise<RawDelivery> {
  const { peer, receiver } = await pair(bench)
  await peer.send(message)

  return receiver.got(message.envelope.id)
}

/** A broker may keep a scalar as its text; nothing else may change. */
export function sameMessage(delivery: RawDelivery, message: Outgoing): void {
  const { dataVersion, ...plain } = message.envelope
  for (const [name, value] of Object.entries(plain)) {
    assert.equal(delivery.envelope[name as keyof typeof plain], value, `The envelope's ${name} is the same.`)
  }
  assert.equal(String(delivery.envelope.dataVersion ?? 1), String(dataVersion))
  for (const [name, value] of Object.entries(message.headers)) {
    assert.ok(Object.hasOwn(delivery.headers, name), `The header "${name}" arrives.`)
    assert.equal(String(delivery.headers[name]), String(value), `The header "${name}" is the same.`)
  }
  assert.ok(Buffer.from(message.body).equals(delivery.body), 'The body is the same.')
  assert.equal(delivery.contentType, message.contentType)
  assert.equal(delivery.contentEncoding, message.contentEncoding)
}
