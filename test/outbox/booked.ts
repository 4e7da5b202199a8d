import { Event, Listener, Service } from '@waybill/core'
import { z } from 'zod'

export class Booked extends Event('order.booked', { channel: 'bookings', key: 'key', payload: z.object({ key: z.string(), n: z.number() }) }) {}

@Service('audience')
export class Audience {
  readonly heard: number[] = []

  @Listener(Booked)
  hear({ n }: Booked): void {
    this.heard.push(n)
  }
}
