import { type Ask, Command, type Delivery, Event, Listener, type Publish, Publisher, Query, Service } from '@waybill/core'
import { z } from 'zod'
import { World } from './world.js'

const step = z.object({ customer: z.string(), n: z.number() })

export class PlaceOrder extends Command('orders.place', { channel: 'orders', key: 'customer', payload: step }) {}
export class OrderPlaced extends Event('order.placed', { channel: 'orders', key: 'customer', payload: step }) {}
export class Charge extends Command('payment.charge', { payload: step.extend({ price: z.number() }) }) {}
export class StockMoved extends Event('stock.moved', { payload: step }) {}
export class Quote extends Query('payment.quote', { payload: step, reply: z.object({ price: z.number() }) }) {}

const retry = { attempts: 5, backoff: ['50ms', '200ms', '1s', '6s'] } as const

/** Where orders come from: the one who knows what the broker promised. */
@Service()
export class Front {
  constructor(@Publisher(PlaceOrder) readonly place: Publish<PlaceOrder>) {}
}

@Service('orders')
export class Orders {
  constructor(private readonly world: World) {}

  @Listener(PlaceOrder, { concurrency: 4, retry })
  @Publisher(OrderPlaced)
  async take({ customer, n }: PlaceOrder, delivery: Delivery): Promise<OrderPlaced> {
    this.world.sent('stock', { customer, n })
    await this.world.work('orders', { customer, n }, delivery)

    return new OrderPlaced({ customer, n })
  }
}

@Service('stock')
export class Stock {
  constructor(
    private readonly world: World,
    @Publisher(Quote) private readonly quote: Ask<Quote>,
    @Publisher(Charge) private readonly charge: Publish<Charge>,
    @Publisher(StockMoved) private readonly moved: Publish<StockMoved>,
  ) {}

  /** What it publishes is held: nobody may hear of it before the work is done. */
  @Listener(OrderPlaced, { concurrency: 4, retry, deadKey: 'park' })
  async reserve({ customer, n }: OrderPlaced, delivery: Delivery): Promise<void> {
    const { price } = n % 4 === 0 ? await this.quote({ customer, n }, { timeout: '2s' }) : { price: priceOf(n) }
    this.world.sent('payment', { customer, n })
    await this.charge({ customer, n, price })
    this.world.sent('audit', { customer, n })
    await this.moved({ customer, n })
    await this.world.work('stock', { customer, n }, delivery)
  }
}

@Service('payment')
export class Payment {
  constructor(private readonly world: World) {}

  @Listener(Charge, { concurrency: 4, retry })
  async pay({ customer, n, price }: Charge, delivery: Delivery): Promise<void> {
    if (price !== priceOf(n)) this.world.fault(`I2 ${customer}/${n} was to pay ${price}, and it costs ${priceOf(n)}`)
    await this.world.work('payment', { customer, n }, delivery)
  }

  @Listener(Quote)
  price({ n }: Quote): { price: number } {
    return { price: priceOf(n) }
  }
}

@Service('audit')
export class Audit {
  constructor(private readonly world: World) {}

  @Listener(StockMoved, { retry })
  async note({ customer, n }: StockMoved, delivery: Delivery): Promise<void> {
    await this.world.work('audit', { customer, n }, delivery)
  }
}

function priceOf(n: number): number {
  return 7 * n
}
