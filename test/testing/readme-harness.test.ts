import { Event, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { harness, recorded } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'

const payload = z.object({ orderId: z.string() })

class OrderPaid extends Event('order.paid', { payload }) {}
class ParcelShipped extends Event('parcel.shipped', { payload }) {}

@Service('shipping')
class Shipping {
  isCarrierThere = true

  constructor(@Publisher(ParcelShipped) private readonly shipped: Publish<ParcelShipped>) {}

  @Listener(OrderPaid)
  async ship({ orderId }: OrderPaid): Promise<void> {
    if (!this.isCarrierThere) throw new Error('the carrier is away')
    await this.shipped({ orderId })
  }
}

test('what is paid is shipped', async () => {
  await using shop = await harness({ services: [Shipping] })

  await shop.when(new OrderPaid({ orderId: 'o-1' }))

  expect(shop.published(ParcelShipped)).toEqual([new ParcelShipped({ orderId: 'o-1' })])
})

test('what cannot be shipped is a dead letter after some minutes', async () => {
  await using shop = await harness({ services: [Shipping] })
  shop.get(Shipping).isCarrierThere = false

  await shop.when(new OrderPaid({ orderId: 'o-1' }))
  await shop.advance('10m')

  expect(await shop.deadLetters('shipping')).toMatchObject([{ reason: 'FAILED', message: 'the carrier is away' }])
})

test('a crash between a publish and its ack sends one message', async () => {
  await using shop = await harness({ services: [Shipping] })

  shop.faults.crash({ at: 'after publish', of: ParcelShipped })
  await shop.when(new OrderPaid({ orderId: 'o-1' }))

  expect(shop.published(ParcelShipped)).toHaveLength(1)
})

test('a class alone', async () => {
  const shipped = recorded(ParcelShipped)
  await new Shipping(shipped).ship(new OrderPaid({ orderId: 'o-1' }))

  expect(shipped.messages).toEqual([new ParcelShipped({ orderId: 'o-1' })])
})
