import { Event, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { z } from 'zod'

const parcel = z.object({ orderId: z.string(), to: z.string() })

export class OrderPaid extends Event('order.paid', { payload: parcel }) {}
export class ParcelShipped extends Event('parcel.shipped', { payload: parcel }) {}

@Service('shipping')
export class Shipping {
  isCarrierThere = true

  constructor(@Publisher(ParcelShipped) private readonly shipped: Publish<ParcelShipped>) {}

  @Listener(OrderPaid)
  async ship({ orderId, to }: OrderPaid): Promise<void> {
    if (to === '') throw new Error('there is no address')
    if (!this.isCarrierThere) throw new Error('the carrier is away')
    await this.shipped({ orderId, to })
  }
}
