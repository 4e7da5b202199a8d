import assert from 'node:assert/strict'
import { type BatchItem, Listener, Retry, Service, type DeadMessage, type Delivery } from '@waybill/core'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import { OrderMoved, OrderPlaced } from './shop-messages.js'

const of = { channel: 'orders', group: 'billing' } as const

/** The same decorated services on every transport: how much at a time, how often, and what is set aside. */
export const servicesLimits: readonly Scenario[] = [
  {
    title: 'B25 one bad item of a batch is a dead letter by itself, its neighbours are done',
    async run(bench) {
      const done = new Set<string>()
      @Service('billing')
      class Billing {
        @Listener(OrderPlaced, { batch: { size: 10, wait: '20ms' }, retry: { attempts: 2, backoff: ['10ms'] } })
        on(events: readonly OrderPlaced[], items: readonly BatchItem[]): void {
          const bad = events.findIndex(({ orderId }) => orderId === 'bad')
          if (bad >= 0) return items[bad]?.fail(new Error('No such customer.'))
          for (const { orderId } of events) done.add(orderId)
        }
      }
      const app = await bench.start([Billing])

      await app.publish([...Array.from({ length: 25 }, (_, i) => `o${i}`), 'bad'].map((orderId) => new OrderPlaced({ orderId, total: 1 })))
      await bench.eventually(
        'all others are done',
        () => done.size === 25,
        () => done.size,
      )
      const letters = await firstLetters(bench, () => app.deadLetters.list(of))

      assert.deepEqual(
        letters.map(({ attempts, body }) => [attempts, Buffer.from(body).toString()]),
        [[2, '{"orderId":"bad","total":1}']],
      )
    },
  },
  {
    title: 'I4 batches keep the order of each key, also where an item fails and is tried again',
    async run(bench) {
      const done: OrderMoved[] = []
      const failed = new Set<string>()
      @Service('billing')
      class Billing {
        @Listener(OrderMoved, { batch: { size: 4, wait: '10ms' }, concurrency: 3, retry: { attempts: 3, backoff: ['20ms'] } })
        async on(events: readonly OrderMoved[], items: readonly BatchItem[]): Promise<void> {
          await Promise.resolve()
          const bad = events.findIndex(({ orderId, step }) => step === 2 && !failed.has(orderId))
          if (bad >= 0 && events.length > 1) return items[bad]?.fail(new Error('Apart, please.'))
          if (bad >= 0) {
            failed.add(events[0]?.orderId ?? '')
            throw new Error('Not yet.')
          }
          done.push(...events)
        }
      }
      const app = await bench.start([Billing])

      await app.publish(Array.from({ length: 10 }, (_, step) => ['a', 'b', 'c'].map((orderId) => new OrderMoved({ orderId, step }))).flat())
      await bench.eventually(
        'all are done',
        () => done.length >= 30,
        () => done.length,
      )

      for (const key of ['a', 'b', 'c'])
        assert.deepEqual(
          done.filter(({ orderId }) => orderId === key).map(({ step }) => step),
          Array.from({ length: 10 }, (_, step) => step),
        )
    },
  },
  {
    title: 'a listener keeps to its rate, and who is over it blocks nobody else',
    async run(bench) {
      const taken: { readonly id: string; readonly at: number }[] = []
      @Service('billing')
      class Billing {
        @Listener(OrderPlaced, { concurrency: 1, rate: { limit: 1, per: '500ms', by: 'orderId' } })
        on({ orderId: id }: OrderPlaced): void {
          taken.push({ id, at: bench.runtime.elapsed() })
        }
      }
      const app = await bench.start([Billing])

      await app.publish(['a', 'a', 'a', 'b'].map((orderId) => new OrderPlaced({ orderId, total: 1 })))
      await bench.eventually(
        'all are taken',
        () => taken.length >= 4,
        () => taken,
      )
      const [first, , last] = taken.filter(({ id }) => id === 'a')

      assert.ok(taken.findIndex(({ id }) => id === 'b') <= 1, 'The other one went past those over the rate.')
      assert.ok((last?.at ?? 0) - (first?.at ?? 0) >= 990, 'One each 500 ms.')
    },
  },
  {
    title: 'R2 R5 a long wait is kept by the broker: the same message comes again, at its next try',
    needs: ['groupDelay'],
    async run(bench) {
      const tries: { readonly id: string; readonly attempt: number; readonly at: number }[] = []
      @Service('billing')
      class Billing {
        @Listener(OrderPlaced)
        on(_event: OrderPlaced, { id, attempt }: Delivery): void {
          tries.push({ id, attempt, at: bench.runtime.elapsed() })
          if (attempt === 1) throw new Retry({ after: '5s' })
        }
      }
      const app = await bench.start([Billing])

      await app.publish(new OrderPlaced({ orderId: 'a', total: 1 }))
      await bench.eventually('the first try is over', () => tries.length === 1 && app.health().consumers[0]?.unsettled === 0)
      await bench.eventually(
        'the second try is made',
        () => tries.length === 2,
        () => tries,
      )
      const [first, second] = tries

      assert.deepEqual([second?.id, second?.attempt], [first?.id, 2])
      assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= 4_990, 'It waits 5 s.')
    },
  },
  {
    title: 'R11 a message that was begun alone three times and never ended is set aside, and its neighbour is done',
    needs: ['starts'],
    async run(bench) {
      const taken: string[] = []
      @Service('billing')
      class Billing {
        @Listener(OrderPlaced)
        on({ orderId }: OrderPlaced): void {
          taken.push(orderId)
        }
      }
      const first = await bench.start([Billing])
      const { channels } = first.topology
      await first.stop()
      const peer = await bench.another({ namespace: bench.namespace })
      await peer.transport.declare({ channels, asks: false })
      const [killer, other] = ['killer', 'other'].map((orderId) => bench.messageTo({ kind: 'group', ...of }, { type: 'order.placed', text: `{"orderId":"${orderId}","total":1}` }))
      assert.ok(killer && other)
      await peer.send(killer)
      await peer.send(other)
      for (let life = 0; life < 5; life++) await dieHolding(bench, channels, { ids: [killer.envelope.id, other.envelope.id], begun: life < 2 ? undefined : killer.envelope.id })

      const app = await bench.start([Billing])
      const [letter] = await firstLetters(bench, () => app.deadLetters.list(of))
      await bench.eventually(
        'the other is done',
        () => taken.includes('other'),
        () => taken,
      )

      assert.deepEqual([letter?.id, letter?.reason, letter?.attempts], [killer.envelope.id, 'KILLED_THE_PROCESS', 3])
      assert.deepEqual(taken, ['other'])
    },
  },
]

interface Hand {
  readonly ids: readonly string[]
  /** Which of them was begun alone. */
  readonly begun: string | undefined
}

/** A process that has both in hand when it dies: its connection breaks, and it tells nobody that anything ended. */
async function dieHolding(bench: Bench, channels: Parameters<Awaited<ReturnType<Bench['peer']>>['transport']['declare']>[0]['channels'], { begun, ids }: Hand): Promise<void> {
  const peer = await bench.another({ namespace: bench.namespace })
  await peer.transport.declare({ channels, asks: false })
  const receiver = await peer.listen(of, { hold: true })
  await Promise.all(ids.map((id) => receiver.got(id)))
  if (begun !== undefined) await peer.transport.starts?.begin(of, await receiver.got(begun))
  await bench.subject.cut()
  await peer.close()
}

/** Dead letters are published by the app in its own time: looks again until one is there. */
async function firstLetters(bench: Bench, list: () => Promise<readonly DeadMessage[]>): Promise<readonly DeadMessage[]> {
  let letters: readonly DeadMessage[] = []
  await bench.eventually('a dead letter is there', async () => {
    letters = await list()

    return letters.length > 0
  })

  return letters
}
