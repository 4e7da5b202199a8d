import { Command, DeadLetter, type Delivery, Event, Listener, type Publish, Publisher, Query, Service } from '@waybill/core'
import { z } from 'zod'

const line = z.object({ orderId: z.string(), quantity: z.number() })

export class PlaceOrder extends Command('orders.place', { channel: 'orders', payload: line }) {}
export class OrderPlaced extends Event('order.placed', { channel: 'orders', key: 'orderId', payload: line.extend({ at: z.coerce.date<string>() }) }) {}
export class StockReserved extends Event('stock.reserved', { payload: line }) {}
export class StockLevel extends Query('stock.level', { payload: z.object({}), reply: z.object({ left: z.number() }) }) {}

@Service('orders')
export class Orders {
  constructor(@Publisher(OrderPlaced) private readonly placed: Publish<OrderPlaced>) {}

  @Listener(PlaceOrder)
  async place({ orderId, quantity }: PlaceOrder): Promise<void> {
    if (quantity <= 0) throw new DeadLetter('nothing was ordered')
    await this.placed({ orderId, quantity, at: '2026-05-01T08:00:00.000Z' })
  }
}

@Service('stock')
export class Stock {
  left = 10
  readonly tries: string[] = []

  @Listener(OrderPlaced, { retry: { attempts: 4, backoff: ['1s', '1m', '1m'] } })
  @Publisher(StockReserved)
  async reserve({ orderId, quantity }: OrderPlaced, { attempt }: Delivery): Promise<StockReserved> {
    this.tries.push(`${orderId} ${attempt}`)
    if (quantity > this.left) throw new Error('not enough in stock')
    this.left -= quantity

    return new StockReserved({ orderId, quantity })
  }

  @Listener(StockLevel)
  level(): { left: number } {
    return { left: this.left }
  }
}
