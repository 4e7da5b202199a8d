import { createApp, Listener, Publisher, Service } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { sagas } from '@waybill/saga'
import { memoryStore } from '@waybill/store-memory'
import { memory } from '@waybill/transport-memory'
import { Checkout } from './checkout.js'
import { CardCharged, CardDeclined, ChargeCard, OrderConfirmed, OrderPlaced, OrderRejected, ReleaseStock, ReserveStock, StockReserved } from './messages.js'

@Service('stock')
class Stock {
  @Listener(ReserveStock)
  @Publisher(StockReserved)
  async reserve({ orderId }: ReserveStock): Promise<StockReserved> {
    console.log(`stock reserves for ${orderId}`)

    return new StockReserved({ orderId, shelf: 'A7' })
  }

  @Listener(ReleaseStock)
  release({ orderId, shelf }: ReleaseStock): void {
    console.log(`stock takes back shelf ${shelf} of ${orderId}`)
  }
}

@Service('payment')
class Payment {
  @Listener(ChargeCard)
  @Publisher(CardCharged, CardDeclined)
  async charge({ orderId }: ChargeCard): Promise<CardCharged | CardDeclined> {
    return orderId === 'o-2' ? new CardDeclined({ orderId }) : new CardCharged({ orderId })
  }
}

let told: () => void = () => {}

@Service('customer')
class Customer {
  @Listener([OrderConfirmed, OrderRejected])
  hear(event: OrderConfirmed | OrderRejected): void {
    console.log(event instanceof OrderRejected ? `${event.orderId} is rejected: ${event.reason}` : `${event.orderId} is confirmed`)
    told()
  }
}

const processes = sagas()
const app = createApp({ name: 'shop', services: [Checkout, Stock, Payment, Customer], transport: memory(), plugins: [outbox(memoryStore()), processes], log: false })
await app.start()
for (const orderId of ['o-1', 'o-2']) {
  const end = new Promise<void>((resolve) => (told = resolve))
  await app.publish(new OrderPlaced({ orderId }))
  await end
}
for (const { kind, step = '' } of await processes.timeline('checkout', 'o-2')) console.log(`  ${kind} ${step}`.trimEnd())
await app.stop()
