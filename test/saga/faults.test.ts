import { Command, createApp, Listener, type Plugin, Service } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { Saga, sagas, startedBy } from '@waybill/saga'
import { memoryDatabase, memoryStore } from '@waybill/store-memory'
import { harness } from '@waybill/testing'
import { memory } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { startBed } from './bed.js'
import { CardDeclined, Checkout, OrderConfirmed, OrderPlaced, OrderRejected, Payment, ReserveStock, Shipping, Stock, StockReserved } from './shop.js'

const begin = () => startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId }) => ({ orderId }) })
const ends = {
  completed: [OrderConfirmed, ({ orderId }: { orderId: string }) => ({ orderId, charge: '' })],
  compensated: [OrderRejected, ({ orderId = '' }: { orderId?: string }) => ({ orderId, code: '', reason: '' })],
} as const

/** Every fault of an app, without the app's own words around it. */
async function faultsOf(services: readonly (new (...args: never[]) => object)[], plugins = [outbox(memoryStore()), sagas()]): Promise<readonly string[]> {
  const app = createApp({ name: 'shop', services: services as never, transport: memory(), plugins, signals: false, log: false })
  const error: unknown = await app.start().catch((reason: unknown) => reason)
  await app.stop()

  return (error as { readonly faults?: readonly { readonly code: string; readonly message: string }[] }).faults?.map(({ code, message }) => `${code} ${message}`) ?? [String(error)]
}

test('everything that is wrong with a flow is said at start, at once', async () => {
  @Saga('wrong', { version: 0, deadline: 'soon' as '1s' })
  class Wrong {
    readonly flow = begin()
      .step('reserve', (step) =>
        step
          .send(ReserveStock, (s) => s)
          .refused(CardDeclined)
          .within('30s'),
      )
      .step('reserve', (step) =>
        step
          .send(ReserveStock, (s) => s)
          .done(StockReserved)
          .noUndo()
          .retry({ attempts: 0 }),
      )
      .step('a step', (step) =>
        step
          .send(ReserveStock, (s) => s)
          .done(StockReserved)
          .refused(StockReserved)
          .noUndo(),
      )
      .pivot('pay', (step) =>
        step
          .send(ReserveStock, (s) => s)
          .done(StockReserved)
          .within('1s', 'undo'),
      )
      .ends(ends)
  }

  expect((await faultsOf([Wrong])).map((fault) => fault.slice(0, 70)).sort()).toEqual([
    'DURATION @Saga("wrong") on Wrong: "deadline" is a duration such as "15',
    'NUMBER Saga "wrong": Step "reserve": `retry.attempts` is a whole numbe',
    'SAGA_REPLY Saga "wrong": Step "a step": "stock.reserved" both ends and',
    'SAGA_STEP_NAME Saga "wrong": Step "a step": a name has 1 to 100 letter',
    'SAGA_STEP_TWICE Saga "wrong": Step "reserve" stands in it twice, so on',
    'SAGA_UNREACHABLE Saga "wrong": Step "reserve": a reply refuses it and ',
    'TIMEOUT_POLICY Saga "wrong": Step "reserve": it has a time, and nothin',
    'UNDO_MISSING Saga "wrong": Step "pay": its time leads to an undo, and ',
    'UNDO_MISSING Saga "wrong": Step "reserve": it stands before the pivot ',
    'VERSION @Saga("wrong") on Wrong: "version" is a positive whole number;',
  ])
})

test('a flow without steps, or one that uses what is not there yet, is a fault', async () => {
  @Service()
  class Prices {
    readonly factor = 2
  }
  @Saga('empty', { version: 1 })
  class Empty {
    readonly flow = begin().ends(ends)
  }
  @Saga('early', { version: 1 })
  class Early {
    readonly flow

    constructor(prices: Prices) {
      const { factor } = prices
      this.flow = begin()
        .pivot('reserve', (step) => step.send(ReserveStock, (s) => s).within(`${factor}s`, 'retry'))
        .ends(ends)
    }
  }

  const faults = await faultsOf([Empty, Early])

  expect(faults).toEqual([
    'SAGA_EMPTY Saga "empty": Its flow has no step, so it would end where it starts. Add one by `step`.',
    'SAGA_FLOW @Saga("early") on Early: its flow could not be read: Parameter 1 of the constructor is used while the flow is read. A flow is read before the dependencies are there: use them in its functions, not in the constructor.',
  ])
})

test('a reply that nobody sends is a fault where the app takes the command', async () => {
  class Weigh extends Command('scales.weigh', { payload: z.object({ orderId: z.string() }) }) {}
  @Service('scales')
  class Scales {
    @Listener(Weigh)
    weigh(): void {}
  }
  @Saga('waits', { version: 1 })
  class Waits {
    readonly flow = begin()
      .pivot('weigh', (step) => step.send(Weigh, (s) => s).done(StockReserved))
      .ends(ends)
  }

  expect(await faultsOf([Waits, Scales])).toEqual([expect.stringMatching(/^REPLY_NOT_SENT Saga "waits": Step "weigh": it waits for "stock.reserved"/)])
})

test('a message that starts a saga and is to cancel it too is a fault', async () => {
  @Saga('both', { version: 1 })
  class BothWays {
    readonly flow = begin()
      .cancelledBy(OrderPlaced, (order) => order.orderId)
      .pivot('reserve', (step) => step.send(ReserveStock, (s) => s).done(StockReserved))
      .ends(ends)
  }

  expect(await faultsOf([BothWays, Stock])).toEqual([expect.stringMatching(/^SAGA_UNREACHABLE Saga "both": "order.placed" both starts and cancels it/)])
})

test('a saga without a store is a fault', async () => {
  expect(await faultsOf([Checkout], [sagas() as never])).toEqual([expect.stringMatching(/^NO_STORE The saga "checkout" keeps what it knows in a store/)])
})

test('a saga without a store is told that with what is wrong with its flow', async () => {
  @Saga('both', { version: 1 })
  class WithoutUndo {
    readonly flow = begin()
      .step('reserve', (step) => step.send(ReserveStock, (s) => s).done(StockReserved))
      .ends(ends)
  }

  const faults = await faultsOf([WithoutUndo], [sagas() as never])

  expect(faults.map((fault) => fault.split(' ')[0]).sort()).toEqual(['NO_STORE', 'UNDO_MISSING'])
})

test('a saga without its plugin is a fault', async () => {
  expect(await faultsOf([Checkout, Stock], [outbox(memoryStore())] as never)).toEqual([
    expect.stringMatching(/^NO_SAGAS Checkout is a saga, and its app has no sagas\(\) among its plugins/),
  ])
})

test('an app that takes commands of a saga and has not its plugin keeps them as dead letters that say so', async () => {
  const database = memoryDatabase()
  const { shop, status } = await startBed({ services: [Checkout, Payment, Shipping], database })
  const store = (): Plugin => outbox(memoryStore({ database }))
  const without = await harness({ name: 'stock', services: [Stock], beside: shop, log: false, plugins: () => [store()] })
  onTestFinished(() => without.stop())

  await shop.when(new OrderPlaced({ orderId: 'o-1', total: 5 }))
  const letters = await without.deadLetters('stock')

  expect(letters).toMatchObject([{ reason: 'NO_SAGAS', message: expect.stringContaining('It is the command "stock.reserve" of the saga "checkout", and this app has no sagas()') }])
  expect(await status('o-1')).toBe('running')
})

test('a dependency is there when the functions of a flow run', async () => {
  @Service()
  class Prices {
    readonly factor = 2
  }
  const seen: number[] = []
  @Saga('checkout', { version: 1 })
  class Priced {
    constructor(private readonly prices: Prices) {}

    readonly flow = begin()
      .pivot('reserve', (step) =>
        step
          .send(ReserveStock, (s) => {
            seen.push(this.prices.factor)

            return s
          })
          .done(StockReserved),
      )
      .ends(ends)
  }
  const { shop, status } = await startBed({ services: [Priced, Stock] })

  await shop.when(new OrderPlaced({ orderId: 'o-1', total: 5 }))
  await shop.settled({ within: '1m' })

  expect([seen, await status('o-1')]).toEqual([[2], 'completed'])
})
