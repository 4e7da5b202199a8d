import type { Order } from '../contender.js'

class Message {
  constructor(order: Order) {
    Object.assign(this, order)
  }
}

/** A class as an application would write it for each of its messages. */
export function newClass(): new (order: Order) => Order {
  return class extends Message {} as unknown as new (
    order: Order,
  ) => Order
}
