import 'reflect-metadata'
import { Event, Listener, type Publish, Publisher, Service, unchecked } from '@waybill/core'
import type { Handle, Order } from './contender.js'

export class OrderPlaced extends Event('order.placed', { channel: 'orders', payload: unchecked<Order>() }) {}

@Service()
export class Shop {
  constructor(@Publisher(OrderPlaced) readonly placed: Publish<OrderPlaced>) {}
}

export function warehouse(handle: Handle, concurrency: number) {
  @Service('warehouse')
  class Warehouse {
    @Listener(OrderPlaced, { concurrency })
    take(order: OrderPlaced): void {
      handle(order)
    }
  }

  return Warehouse
}

/** What Waybill itself would write. */
export function envelope(type: string) {
  return {
    cloudEvents_id: crypto.randomUUID(),
    cloudEvents_specversion: '1.0',
    cloudEvents_type: type,
    cloudEvents_source: '/bench/shop',
    cloudEvents_time: new Date().toISOString(),
  }
}
