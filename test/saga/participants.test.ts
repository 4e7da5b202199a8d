import { Command, Event, Listener, type Middleware, type Publish, Publisher, Service } from '@waybill/core'
import { Saga, SagaStuck, startedBy } from '@waybill/saga'
import { memoryDatabase } from '@waybill/store-memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startBed } from './bed.js'
import { CardCharged, ChargeCard, OrderConfirmed, OrderPlaced, OrderRejected, RefundCard, ReleaseStock, ReserveStock, script, Stock, StockRejected, StockReserved } from './shop.js'

const placed = new OrderPlaced({ orderId: 'o-1', total: 5 })

class Weigh extends Command('scales.weigh', { payload: z.object({ orderId: z.string() }) }) {}
class Weighed extends Event('scales.weighed', { payload: z.object({}) }) {}

@Service('scales')
class Scales {
  @Listener(Weigh)
  @Publisher(Weighed)
  async weigh(): Promise<Weighed | undefined> {
    return undefined
  }
}

@Saga('checkout', { version: 1 })
class Patient {
  readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId }) => ({ orderId }) })
    .step('reserve', (step) =>
      step
        .send(ReserveStock, (s) => s)
        .done(StockReserved)
        .undo(ReleaseStock, (s) => s),
    )
    .step('weigh', (step) =>
      step
        .send(Weigh, (s) => s)
        .done(Weighed)
        .noUndo()
        .within('10m', 'undo'),
    )
    .ends({ completed: [OrderConfirmed, (s) => ({ ...s, charge: '' })], compensated: [OrderRejected, (_, { code, message }) => ({ orderId: 'o-1', code, reason: message })] })
}

/** Everything that reserves comes a minute late. */
const late: Middleware = {
  publish: ({ messages, options }, next) => next(messages.some((message) => message instanceof ReserveStock) ? { ...options, delay: '1m' } : options),
}

test('G8 an undo that overtakes its command has no effect, and neither has the command when it comes', async () => {
  const { shop, script, status, books } = await startBed({ middleware: [late] })

  await shop.when(placed)
  await shop.advance('45s')
  const before = await status('o-1')
  await shop.advance('2m')
  await shop.settled({ within: '5m' })

  expect([before, await status('o-1'), shop.published(ReserveStock).length]).toEqual(['compensated', 'compensated', 1])
  expect([script.runs, books()]).toEqual([[], []])
})

test('a step that was refused is not undone, though its refusal comes after its time', async () => {
  const slow: Middleware = { publish: ({ messages, options }, next) => next(messages.some((message) => message instanceof StockRejected) ? { ...options, delay: '1m' } : options) }
  const { shop, script, status, kinds, books } = await startBed({ middleware: [slow] })
  script.fail('refuse reserve o-1')

  await shop.when(placed)
  await shop.advance('45s')
  const before = await status('o-1')
  await shop.advance('2m')
  await shop.settled({ within: '5m' })

  expect([before, await status('o-1'), script.runs, books()]).toEqual(['compensated', 'compensated', ['reserve o-1'], []])
  expect(await kinds('o-1')).toEqual([
    'started',
    'sent reserve',
    'timed out reserve',
    'unsure reserve',
    'turned back reserve',
    'undo sent reserve',
    'undone reserve',
    'compensated',
    'late reply reserve',
  ])
})

test('what was done is undone, though the inbox has forgotten it', async () => {
  const { shop, script, status, books } = await startBed({ services: [Patient, Stock, Scales], keepInbox: '1m' })

  await shop.when(placed)
  await shop.advance('11m')
  await shop.settled({ within: '1m' })

  expect([await status('o-1'), script.runs, books()]).toEqual(['compensated', ['reserve o-1', 'release o-1'], [0]])
})

test('an undo that takes all that the saga knows needs no reply', async () => {
  const { shop, script, sagas, status, books } = await startBed({ services: [Patient, Stock, Scales] })
  script.fail('mute reserve o-1')

  await shop.when(placed)
  await sagas.compensate('checkout', 'o-1', 'the customer called')
  await shop.settled({ within: '1m' })

  expect([await status('o-1'), script.runs, books()]).toEqual(['compensated', ['reserve o-1', 'release o-1'], [0]])
})

test('what may have happened, and did not, is withdrawn: its undo would need what only its reply tells', async () => {
  const { shop, script, status, books } = await startBed()
  script.fail('break charge o-1', 3)

  await shop.when(placed)
  await shop.advance('1m')
  await shop.settled({ within: '5m' })

  expect([await status('o-1'), books()]).toEqual(['compensated', [0]])
  expect(script.runs.filter((run) => run === 'charge o-1')).toHaveLength(3)
  expect(shop.published(OrderRejected)).toMatchObject([{ code: 'FAILED' }])
})

test('G4 a process that ends at any moment of a saga leaves it where it was, and it goes on', async () => {
  for (let moment = 0; moment < 12; moment++) {
    const { shop, status, books } = await startBed({ database: memoryDatabase() })
    await shop.when(placed)
    shop.faults.crash({ at: moment % 2 ? 'after listener' : 'before listener', downFor: `${moment}s` })

    await shop.when(new OrderPlaced({ orderId: 'o-2', total: 1 }))
    await shop.advance('1m')
    await shop.settled({ within: '5m' })

    expect([await status('o-1'), await status('o-2'), books()]).toEqual(['completed', 'completed', Array.from({ length: 6 }, () => 1)])
  }
})

/** What it takes, it takes by the batch, and answers each. */
@Service('stock')
class BatchStock {
  readonly sizes: number[] = []

  constructor(@Publisher(StockReserved) private readonly reserved: Publish<StockReserved>) {}

  @Listener(ReserveStock, { batch: { size: 10, wait: '1s' } })
  async reserve(commands: readonly ReserveStock[]): Promise<void> {
    this.sizes.push(commands.length)
    for (const { orderId } of commands) await this.reserved({ orderId, reservation: `r-${orderId}` })
  }

  @Listener(ReleaseStock, { batch: { size: 10, wait: '1s' } })
  async release(commands: readonly ReleaseStock[]): Promise<void> {
    for (const { orderId } of commands) script.current.runs.push(`release ${orderId}`)
  }
}

test('a batch listener is given each command of a saga by itself, so that its reply finds its step', async () => {
  const { shop, status } = await startBed({ services: [Patient, BatchStock, Scales] })

  await shop.app.publish([placed, new OrderPlaced({ orderId: 'o-2', total: 5 })])
  await shop.advance('2s')

  expect([shop.get(BatchStock).sizes, await status('o-1'), shop.published(Weigh).length]).toEqual([[1, 1], 'running', 2])
})

test('G8 an undo that overtakes its command has no effect in a batch listener either', async () => {
  const { shop, script, sagas, status } = await startBed({ services: [Patient, BatchStock, Scales], middleware: [late] })

  await shop.when(placed)
  await shop.advance('1s')
  await sagas.compensate('checkout', 'o-1', 'the customer called')
  await shop.advance('2m')

  expect([await status('o-1'), shop.get(BatchStock).sizes, script.runs]).toEqual(['compensated', [], []])
})

test('what was done and is never told stays stuck, says so once, and is undone when an operator tells it', async () => {
  @Service('mute')
  class Mute {
    readonly refunds: string[] = []

    @Listener(ChargeCard)
    @Publisher(CardCharged)
    async charge(): Promise<CardCharged | undefined> {
      return undefined
    }

    @Listener(RefundCard)
    refund({ charge }: RefundCard): void {
      this.refunds.push(charge)
    }
  }
  @Saga('checkout', { version: 1 })
  class Charging {
    readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId, total }) => ({ orderId, total }) })
      .step('charge', (step) =>
        step
          .send(ChargeCard, ({ orderId, total }) => ({ orderId, amount: total }))
          .done(CardCharged, ({ charge }) => ({ charge }))
          .undo(RefundCard, ({ orderId, charge }) => ({ orderId, charge }))
          .within('30s', 'undo')
          .retry({ attempts: 1 }),
      )
      .ends({
        completed: [OrderConfirmed, ({ orderId, charge }) => ({ orderId, charge })],
        compensated: [OrderRejected, ({ orderId = '' }, { code, message }) => ({ orderId, code, reason: message })],
      })
  }
  const { shop, sagas, status } = await startBed({ services: [Charging, Mute] })

  await shop.when(placed)
  await shop.advance('3h')
  const before = [await status('o-1'), shop.published(SagaStuck).length]
  await sagas.skip('checkout', 'o-1', 'charge', { charge: 'found in the books' })
  await shop.settled({ within: '1m' })

  expect([before, await status('o-1'), shop.get(Mute).refunds]).toEqual([['stuck', 1], 'compensated', ['found in the books']])
})
