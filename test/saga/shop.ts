import { Command, Event, Listener, Publisher, Service } from '@waybill/core'
import { Database } from '@waybill/outbox'
import { Saga, startedBy } from '@waybill/saga'
import type { MemoryTables } from '@waybill/store-memory'
import { z } from 'zod'

const orderId = z.string()
const id = { key: 'orderId', payload: z.object({ orderId }) } as const

export class OrderPlaced extends Event('order.placed', { channel: 'orders', key: 'orderId', payload: z.object({ orderId, total: z.number() }) }) {}
export class OrderCancelled extends Event('order.cancelled', { channel: 'orders', ...id }) {}
export class OrderConfirmed extends Event('order.confirmed', { channel: 'orders', key: 'orderId', payload: z.object({ orderId, charge: z.string() }) }) {}
export class OrderRejected extends Event('order.rejected', { channel: 'orders', key: 'orderId', payload: z.object({ orderId, code: z.string(), reason: z.string() }) }) {}

export class ReserveStock extends Command('stock.reserve', id) {}
export class StockReserved extends Event('stock.reserved', { key: 'orderId', payload: z.object({ orderId, reservation: z.string() }) }) {}
export class StockRejected extends Event('stock.rejected', { key: 'orderId', payload: z.object({ orderId, reason: z.string() }) }) {}
export class ReleaseStock extends Command('stock.release', id) {}

export class ChargeCard extends Command('payment.charge', { key: 'orderId', payload: z.object({ orderId, amount: z.number() }) }) {}
export class CardCharged extends Event('payment.charged', { key: 'orderId', payload: z.object({ orderId, charge: z.string() }) }) {}
export class CardDeclined extends Event('payment.declined', id) {}
export class RefundCard extends Command('payment.refund', { key: 'orderId', payload: z.object({ orderId, charge: z.string() }) }) {}

export class ShipOrder extends Command('shipping.ship', id) {}
export class OrderShipped extends Event('shipping.shipped', id) {}

/** How often each thing is to go wrong, by `<what> <order>`. */
export class Script {
  readonly #left = new Map<string, number>()
  readonly runs: string[] = []

  fail(what: string, times = 1): void {
    this.#left.set(what, times)
  }

  /** True as often as it was asked for. */
  happens(what: string): boolean {
    const left = this.#left.get(what) ?? 0
    if (left > 0) this.#left.set(what, left - 1)

    return left > 0
  }
}

export const script = { current: new Script() }

const retry = { attempts: 1 }

@Service('stock')
export class Stock {
  constructor(private readonly database: Database) {}

  @Listener(ReserveStock, { retry })
  @Publisher(StockReserved, StockRejected)
  async reserve({ orderId }: ReserveStock): Promise<StockReserved | StockRejected | undefined> {
    run(`reserve ${orderId}`)
    if (script.current.happens(`refuse reserve ${orderId}`)) return new StockRejected({ orderId, reason: 'sold out' })
    await book(this.database, `reserved ${orderId}`, 1)
    if (script.current.happens(`mute reserve ${orderId}`)) return undefined

    return new StockReserved({ orderId, reservation: `r-${orderId}` })
  }

  @Listener(ReleaseStock, { retry })
  async release({ orderId }: ReleaseStock): Promise<void> {
    run(`release ${orderId}`)
    await book(this.database, `reserved ${orderId}`, -1)
  }
}

@Service('payment')
export class Payment {
  constructor(private readonly database: Database) {}

  @Listener(ChargeCard, { retry })
  @Publisher(CardCharged, CardDeclined)
  async charge({ orderId }: ChargeCard): Promise<CardCharged | CardDeclined> {
    run(`charge ${orderId}`)
    if (script.current.happens(`refuse charge ${orderId}`)) return new CardDeclined({ orderId })
    await book(this.database, `charged ${orderId}`, 1)

    return new CardCharged({ orderId, charge: `c-${orderId}` })
  }

  @Listener(RefundCard, { retry })
  async refund({ orderId, charge }: RefundCard): Promise<void> {
    run(`refund ${orderId}`)
    if (charge !== `c-${orderId}`) throw new Error('another charge')
    await book(this.database, `charged ${orderId}`, -1)
  }
}

@Service('shipping')
export class Shipping {
  constructor(private readonly database: Database) {}

  @Listener(ShipOrder, { retry })
  @Publisher(OrderShipped)
  async ship({ orderId }: ShipOrder): Promise<OrderShipped> {
    run(`ship ${orderId}`)
    await book(this.database, `shipped ${orderId}`, 1)

    return new OrderShipped({ orderId })
  }
}

/** Notes that a listener runs, and makes it fail where the test says so. */
function run(what: string): void {
  script.current.runs.push(what)
  if (script.current.happens(`break ${what}`)) throw new Error(`no ${what}`)
}

/** The books: what is taken and given back of each order. */
async function book(database: Database, row: string, change: number): Promise<void> {
  const books = database.client<MemoryTables>()
  const known = await books.lock<Booked>('books', row)
  await books.set('books', row, { row, count: (known?.count ?? 0) + change } satisfies Booked)
}

export interface Booked {
  readonly row: string
  readonly count: number
}

@Saga('checkout', { version: 1, deadline: '1h' })
export class Checkout {
  readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId, total }) => ({ orderId, total }) })
    .cancelledBy(OrderCancelled, (event) => event.orderId)
    .step('reserve', (step) =>
      step
        .send(ReserveStock, ({ orderId }) => ({ orderId }))
        .done(StockReserved, ({ reservation }) => ({ reservation }))
        .refused(StockRejected, ({ reason }) => reason)
        .undo(ReleaseStock, ({ orderId }) => ({ orderId }))
        .within('30s', 'undo')
        .retry({ attempts: 3, backoff: ['1s'] }),
    )
    .step('charge', (step) =>
      step
        .send(ChargeCard, ({ orderId, total }) => ({ orderId, amount: total }))
        .done(CardCharged, ({ charge }) => ({ charge }))
        .refused(CardDeclined, () => 'declined')
        .undo(RefundCard, ({ orderId, charge }) => ({ orderId, charge }))
        .within('30s', 'undo')
        .retry({ attempts: 3, backoff: ['1s'] }),
    )
    .pivot('ship', (step) =>
      step
        .send(ShipOrder, ({ orderId }) => ({ orderId }))
        .done(OrderShipped)
        .within('30s', 'retry')
        .retry({ attempts: 3, backoff: ['1s'] }),
    )
    .ends({
      completed: [OrderConfirmed, ({ orderId, charge }) => ({ orderId, charge })],
      compensated: [OrderRejected, ({ orderId = '' }, { code, message }) => ({ orderId, code, reason: message })],
    })
}
