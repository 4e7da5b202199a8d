import assert from 'node:assert/strict'
import { DeadLetter, Listener, PublishError, Retry, Service, type Delivery, type Outgoing, type PublishOutcome, type Transport } from '@waybill/core'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import { OrderPlaced } from './shop-messages.js'

const of = { channel: 'orders', group: 'billing' } as const

/** The same decorated services on every transport: a broker that refuses, or that is not heard. */
export const servicesUnsure: readonly Scenario[] = [
  {
    title: 'R4 a dead letter that is refused leaves its original with the broker, and the next process gets it',
    async run(bench) {
      const taken: string[] = []
      const transport = bench.subject.create()
      const refused = tamper(transport, ({ to }) => to.kind === 'dead', { kind: 'rejected', reason: 'The disk is full.' })
      const first = await bench.start([billing(fail)], { transport, shutdown: '100ms' })

      await first.publish(new OrderPlaced({ orderId: 'a', total: 1 }))
      await bench.eventually('its dead letter is refused', () => refused.count >= 1)
      const letters = await first.deadLetters.list(of)
      await first.stop()
      await bench.start([billing((event) => void taken.push(event.orderId))])
      await bench.eventually('the next process has it', () => taken.includes('a'))

      assert.deepEqual(letters, [])
      assert.deepEqual(taken, ['a'])
    },
  },
  {
    title: 'R4 a next try that is refused leaves its message with the broker, and the next process gets it',
    needs: ['groupDelay'],
    async run(bench) {
      const taken: string[] = []
      const transport = bench.subject.create()
      const refused = tamper(transport, ({ to }) => to.kind === 'group', { kind: 'rejected', reason: 'The disk is full.' })
      const first = await bench.start([billing(failForAMinute)], { transport, shutdown: '100ms' })

      await first.publish(new OrderPlaced({ orderId: 'a', total: 1 }))
      await bench.eventually('its next try is refused', () => refused.count >= 1)
      await first.stop()
      await bench.start([billing((event) => void taken.push(event.orderId))])
      await bench.eventually('the next process has it', () => taken.includes('a'))

      assert.deepEqual(taken, ['a'])
    },
  },
  {
    title: 'P11 a message whose confirm was lost is unknown, and sent again it is the same message',
    async run(bench) {
      const ids: string[] = []
      const transport = bench.subject.create()
      const lost = tamper(transport, ({ to }) => to.kind === 'channel' && lost.count === 0, undefined)
      const front = await bench.start([], { name: `${bench.appName}-front`, transport, publishDeadline: '1s' })
      const app = await bench.start([billing((_event, { id }) => void ids.push(id))])

      const failed: unknown = await front.publish(new OrderPlaced({ orderId: 'a', total: 1 }), { id: 'order-7' }).catch((error: unknown) => error)
      await app.publish(new OrderPlaced({ orderId: 'a', total: 1 }), { id: 'order-7' })
      await bench.eventually(
        'both arrive',
        () => ids.length >= 2,
        () => ids,
      )

      assert.ok(failed instanceof PublishError)
      assert.equal(failed.code, 'UNKNOWN')
      assert.deepEqual(ids, ['order-7', 'order-7'])
    },
  },
  {
    title: 'P5 a broker that takes a message and confirms it too late: the caller hears within its deadline, and listeners go on',
    async run(bench) {
      if (!bench.subject.slow) return
      const ids: string[] = []
      const front = await bench.start([], { name: `${bench.appName}-front`, publishDeadline: '500ms' })
      const app = await bench.start([billing((_event, { id }) => void ids.push(id))])

      bench.subject.slow(1_500)
      const failed: unknown = await front.publish(new OrderPlaced({ orderId: 'a', total: 1 }), { id: 'late' }).catch((error: unknown) => error)
      await bench.eventually('it was stored, and is taken', () => ids.includes('late'))
      bench.subject.slow(0)
      await app.publish(new OrderPlaced({ orderId: 'b', total: 1 }), { id: 'next' })
      await bench.eventually('the next one is taken', () => ids.includes('next'))

      assert.ok(failed instanceof PublishError)
      assert.equal(failed.code, 'UNKNOWN')
      assert.deepEqual(ids, ['late', 'next'])
    },
  },
]

function billing(work: (event: OrderPlaced, delivery: Delivery) => void): Parameters<Bench['start']>[0][number] {
  @Service('billing')
  class Billing {
    @Listener(OrderPlaced)
    on(event: OrderPlaced, delivery: Delivery): void {
      work(event, delivery)
    }
  }

  return Billing
}

function fail(): never {
  throw new DeadLetter('Never.')
}

function failForAMinute(): never {
  throw new Retry({ after: '1m' })
}

/** What the broker says of some messages is another outcome, for which they are not sent; or none at all, for which they are. */
function tamper(transport: Transport, which: (outgoing: Outgoing) => boolean, instead: PublishOutcome | undefined): { readonly count: number } {
  const tampered = { count: 0 }
  const publish = transport.publish.bind(transport)
  transport.publish = (batch, settled) => {
    const chosen = new Set(batch.flatMap((outgoing, index) => (which(outgoing) ? [index] : [])))
    const sent = [...batch.keys()].filter((index) => instead === undefined || !chosen.has(index))
    tampered.count += chosen.size
    if (sent.length > 0)
      publish(
        sent.flatMap((index) => batch[index] ?? []),
        (at, outcome) => {
          const index = sent[at] ?? at
          if (!chosen.has(index)) settled(index, outcome)
        },
      )
    if (instead !== undefined) for (const index of chosen) settled(index, instead)
  }

  return tampered
}
