import assert from 'node:assert/strict'
import { Listener, Service, type App, type DeadMessage, type Delivery } from '@waybill/core'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import { OrderMoved, OrderPlaced } from './shop-messages.js'

const of = { channel: 'orders', group: 'billing' } as const

/** The same decorated services on every transport: what people do with dead letters. */
export const servicesDeadLetters: readonly Scenario[] = [
  {
    title: 'dead letters of another app are shown and discarded, and a group that nobody has is an error that names it',
    async run(bench) {
      @Service('billing')
      class Billing {
        @Listener(OrderPlaced, { retry: false })
        on(): void {
          throw new Error('Never.')
        }
      }
      const app = await bench.start([Billing])
      const desk = await bench.start([], { name: `${bench.appName}-desk` })

      await app.publish(new OrderPlaced({ orderId: 'a', total: 1 }))
      await bench.eventually('it is shown to the other app', async () => (await desk.deadLetters.list(of)).length === 1)
      const discarded = await desk.deadLetters.discard(of, { because: 'A test.' })

      assert.equal(discarded, 1)
      assert.deepEqual(await app.deadLetters.list(of), [])
      await assert.rejects(desk.deadLetters.list({ channel: 'orders', group: 'bilinlg' }), { code: 'UNKNOWN_GROUP', message: /"bilinlg"/ })
      await assert.rejects(desk.deadLetters.redrive(of), { code: 'UNKNOWN_GROUP', message: /that takes the app that has it/ })
    },
  },
  {
    title: 'R9 a redrive stops when one of its messages fails again, and none is lost',
    async run(bench) {
      const { app } = await closed(bench, 4)
      const stops: unknown[] = []

      const redriven = await app.deadLetters.redrive(of, { rate: { limit: 1, per: '300ms' }, onProgress: ({ stopped }) => stops.push(stopped) })
      const letters = await lettersOf(bench, app, 4)

      assert.ok(redriven >= 1 && redriven < 4, `It stops early; found ${redriven} redriven.`)
      assert.equal(stops.at(-1), 'failed-again')
      assert.equal(new Set(letters.map(({ id }) => id)).size, 4)
    },
  },
  {
    title: 'R9 an edited dead letter is taken under a new id that remembers its origin, the others stay',
    async run(bench) {
      const { app, taken, open } = await closed(bench, 3)
      const [first, second] = await app.deadLetters.list(of)
      open()

      const id = await app.deadLetters.edit(of, second?.id ?? '', { payload: { orderId: 'edited', total: 2 } })
      await bench.eventually(
        'it is taken',
        () => taken.length === 1,
        () => taken,
      )
      const left = await app.deadLetters.list(of)

      assert.deepEqual(taken, [{ orderId: 'edited', id, attempt: 1 }])
      assert.equal(left.length, 2)
      assert.ok(left.some((letter) => letter.id === first?.id) && left.every((letter) => letter.id !== second?.id))
    },
  },
  {
    title: 'dead letters of one id, name and reason are redriven alone',
    async run(bench) {
      const { app, taken, open } = await closed(bench, 3)
      const [, second] = await app.deadLetters.list(of)
      open()

      const redriven = await app.deadLetters.redrive(of, { ids: [second?.id ?? ''], name: 'order.placed', reason: 'FAILED' })
      const none = await app.deadLetters.redrive(of, { reason: 'SCHEMA' })
      await bench.eventually(
        'it is taken',
        () => taken.length === 1,
        () => taken,
      )

      assert.deepEqual([redriven, none, taken[0]?.id], [1, 0, second?.id])
      assert.equal((await app.deadLetters.list(of)).length, 2)
    },
  },
  {
    title: "with deadKey 'park' the later messages of a dead key wait beside it, and a redrive brings all of them in order",
    needs: ['keyOrder'],
    async run(bench) {
      const done: string[] = []
      let isClosed = true
      @Service('billing')
      class Billing {
        @Listener(OrderMoved, { retry: false, deadKey: 'park' })
        on({ orderId, step }: OrderMoved): void {
          if (isClosed && orderId === 'a' && step === 0) throw new Error('Closed.')
          done.push(`${orderId}${step}`)
        }
      }
      const app = await bench.start([Billing])

      await app.publish([0, 1, 2].flatMap((step) => ['a', 'b'].map((orderId) => new OrderMoved({ orderId, step }))))
      const letters = await lettersOf(bench, app, 3)
      await app.deadLetters.redrive(of, { key: 'a' })
      await bench.eventually(
        'they are dead again',
        async () => (await app.deadLetters.list(of, { reason: 'PARKED' })).length === 2 && (await app.deadLetters.list(of)).length === 3,
      )
      await app.stop()
      isClosed = false
      const next = await bench.start([Billing])
      const redriven = await next.deadLetters.redrive(of, { key: 'a' })
      await bench.eventually(
        'all are done',
        () => done.length >= 6,
        () => done,
      )

      assert.deepEqual(
        letters.map(({ reason }) => reason),
        ['FAILED', 'PARKED', 'PARKED'],
      )
      assert.equal(redriven, 3)
      assert.deepEqual(done, ['b0', 'b1', 'b2', 'a0', 'a1', 'a2'])
    },
  },
]

interface Closed {
  readonly app: App
  readonly taken: { readonly orderId: string; readonly id: string; readonly attempt: number }[]
  open(): void
}

/** A service that can do nothing until it opens, and so many dead letters of it. */
async function closed(bench: Bench, count: number): Promise<Closed> {
  const taken: { orderId: string; id: string; attempt: number }[] = []
  let isOpen = false
  @Service('billing')
  class Billing {
    @Listener(OrderPlaced, { retry: false })
    on({ orderId }: OrderPlaced, { id, attempt }: Delivery): void {
      if (!isOpen) throw new Error('Closed.')
      taken.push({ orderId, id, attempt })
    }
  }
  const app = await bench.start([Billing])
  for (let i = 0; i < count; i++) await app.publish(new OrderPlaced({ orderId: `o${i}`, total: 1 }))
  await lettersOf(bench, app, count)

  return {
    app,
    taken,
    open: () => {
      isOpen = true
    },
  }
}

async function lettersOf(bench: Bench, app: App, count: number): Promise<readonly DeadMessage[]> {
  let letters: readonly DeadMessage[] = []
  const look = async (): Promise<boolean> => {
    letters = await app.deadLetters.list(of)

    return letters.length >= count
  }
  await bench.eventually(`${count} dead letters`, look, () => letters.length)

  return letters
}
