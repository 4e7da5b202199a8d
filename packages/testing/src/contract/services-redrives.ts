import assert from 'node:assert/strict'
import { Listener, Service, type App, type AppOptions } from '@waybill/core'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import { OrderMoved, OrderPlaced } from './shop-messages.js'

const of = { channel: 'orders', group: 'billing' } as const

/** The same decorated services on every transport: what several processes do with dead letters at once. */
export const servicesRedrives: readonly Scenario[] = [
  {
    title: 'R9 the letters that wait for the rate of a redrive are shown to other processes, which discard and redrive them meanwhile',
    async run(bench) {
      const { app, taken, services, open } = await closed(bench, 5)
      const other = await bench.start(services)
      const abort = new AbortController()
      open()

      const first = new Promise<void>((resolve, reject) => {
        const redriving = app.deadLetters.redrive(of, { rate: { limit: 1, per: '1h' }, signal: abort.signal, onProgress: () => resolve() })
        redriving.catch(reject)
      })
      await first
      await bench.eventually('the others are shown', async () => (await other.deadLetters.list(of)).length === 4)
      const [one, two] = await other.deadLetters.list(of)
      const discarded = await other.deadLetters.discard(of, { ids: [one?.id ?? ''], because: 'A test.' })
      const redriven = await other.deadLetters.redrive(of, { ids: [two?.id ?? ''] })
      await bench.eventually('both are taken', () => taken.length === 2)
      abort.abort()

      assert.deepEqual([discarded, redriven, new Set(taken).size], [1, 1, 2])
      assert.equal((await app.deadLetters.list(of)).length, 2)
    },
  },
  {
    title: 'R9 a letter that another process discards while a redrive waits for its rate is not sent',
    async run(bench) {
      const { app, taken, services, open } = await closed(bench, 3)
      const other = await bench.start(services)
      open()

      let discarding: Promise<number> | undefined
      const redriven = await app.deadLetters.redrive(of, {
        rate: { limit: 1, per: '500ms' },
        onProgress: () => {
          discarding ??= other.deadLetters.discard(of, { because: 'A test.' })
        },
      })
      const discarded = (await discarding) ?? 0
      await bench.eventually(
        'what was redriven is taken',
        () => taken.length >= redriven,
        () => taken,
      )

      assert.equal(redriven + discarded, 3)
      assert.ok(discarded > 0, 'The other process comes between two letters.')
      assert.deepEqual(await app.deadLetters.list(of), [])
      assert.equal(new Set(taken).size, taken.length)
    },
  },
  {
    title: 'R9 processes that redrive a group at the same time send each letter once',
    async run(bench) {
      const { app, taken, services, open } = await closed(bench, 20)
      const others = [await bench.start(services), await bench.start(services)]
      open()

      const counts = await Promise.all([app, ...others].map((each) => each.deadLetters.redrive(of)))
      await bench.eventually(
        'all are taken',
        () => taken.length >= 20,
        () => taken.length,
      )

      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        20,
      )
      assert.deepEqual([taken.length, new Set(taken).size], [20, 20])
      assert.deepEqual(await app.deadLetters.list(of), [])
    },
  },
  {
    title: 'R9 processes that redrive the letters of one key at the same time send each once and keep their order',
    needs: ['keyOrder'],
    async run(bench) {
      const steps = Array.from({ length: 12 }, (_, step) => step)
      const { app, taken, services, open } = await closedInOrder(bench, steps)
      const other = await bench.start(services)
      open()

      const counts = await Promise.all([app, other].map((each) => each.deadLetters.redrive(of)))
      await bench.eventually(
        'all are taken',
        () => taken.length >= steps.length,
        () => taken,
      )

      assert.equal((counts[0] ?? 0) + (counts[1] ?? 0), steps.length)
      assert.deepEqual(taken, steps)
    },
  },
  {
    title: 'R9 a redrive stops when one of its messages dies again in another process',
    needs: ['keyOrder'],
    async run(bench) {
      const steps = [0, 1, 2, 3, 4, 5]
      const { app, services } = await closedInOrder(bench, steps)
      const other = await bench.start(services)
      const stops: unknown[] = []

      const redriven = await other.deadLetters.redrive(of, { rate: { limit: 1, per: '400ms' }, onProgress: ({ stopped }) => stops.push(stopped) })

      assert.equal(stops.at(-1), 'failed-again')
      assert.ok(redriven < steps.length, `It stops early; found ${redriven} redriven.`)
      await hasLetters(bench, app, steps.length)
    },
  },
]

interface Closed<T> {
  readonly app: App
  readonly services: AppOptions['services']
  readonly taken: T[]
  open(): void
}

/** A service that can do nothing until it opens, and so many dead letters of it. */
async function closed(bench: Bench, count: number): Promise<Closed<string>> {
  const taken: string[] = []
  let isOpen = false
  @Service('billing')
  class Billing {
    @Listener(OrderPlaced, { retry: false })
    on({ orderId }: OrderPlaced): void {
      if (!isOpen) throw new Error('Closed.')
      taken.push(orderId)
    }
  }
  const app = await bench.start([Billing])
  await app.publish(Array.from({ length: count }, (_, n) => new OrderPlaced({ orderId: `o${n}`, total: 1 })))
  await hasLetters(bench, app, count)

  return { app, services: [Billing], taken, open: () => void (isOpen = true) }
}

/** The same with the steps of one order. */
async function closedInOrder(bench: Bench, steps: readonly number[]): Promise<Closed<number>> {
  const taken: number[] = []
  let isOpen = false
  @Service('billing')
  class Billing {
    @Listener(OrderMoved, { retry: false })
    on({ step }: OrderMoved): void {
      if (!isOpen) throw new Error('Closed.')
      taken.push(step)
    }
  }
  const app = await bench.start([Billing])
  await app.publish(steps.map((step) => new OrderMoved({ orderId: 'a', step })))
  await hasLetters(bench, app, steps.length)

  return { app, services: [Billing], taken, open: () => void (isOpen = true) }
}

function hasLetters(bench: Bench, app: App, count: number): Promise<void> {
  return bench.eventually(`${count} dead letters`, async () => (await app.deadLetters.list(of)).length === count)
}
