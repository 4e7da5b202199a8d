import { Event, Listener, Service } from '@waybill/core'
import { z } from 'zod'

export class Placed extends Event('order.placed', { payload: z.object({ n: z.number() }) }) {}

@Service('audience')
export class Audience {
  readonly heard: number[] = []

  @Listener(Placed, { transaction: false })
  hear({ n }: Placed): void {
    this.heard.push(n)
  }
}
