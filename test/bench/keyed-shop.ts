import 'reflect-metadata'
import { setTimeout as sleep } from 'node:timers/promises'
import { Event, Listener, type Publish, Publisher, Service, unchecked } from '@waybill/core'
import type { Handle, Order } from './contender.js'
import { keyOf } from './order.js'

class OrderPlaced extends Event('order.placed', { channel: 'orders', key: keyOf, payload: unchecked<Order>() }) {}

@Service()
export class KeyedShop {
  constructor(@Publisher(OrderPlaced) readonly placed: Publish<OrderPlaced>) {}
}

/** Takes its time for each. */
export function slowWarehouse(handle: Handle, concurrency: number, handlerMs: number) {
  @Service('warehouse')
  class Warehouse {
    @Listener(OrderPlaced, { concurrency })
    async take(order: OrderPlaced): Promise<void> {
      await sleep(handlerMs)
      handle(order)
    }
  }

  return Warehouse
}
