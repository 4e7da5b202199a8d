import { Listener, Publisher, Service } from '@waybill/core'
import { CustomerNotified, OrderConfirmed, OrderRejected } from './messages.js'

/** Tells the customer how the order ended. */
@Service('notification')
export class Notification {
  @Listener([OrderConfirmed, OrderRejected])
  @Publisher(CustomerNotified)
  async tell(event: OrderConfirmed | OrderRejected): Promise<CustomerNotified> {
    const text = event instanceof OrderConfirmed ? 'Your order is confirmed.' : `We could not take your order. ${event.reason}`

    return new CustomerNotified({ orderId: event.orderId, text })
  }
}
