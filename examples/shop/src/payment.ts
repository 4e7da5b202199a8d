import { Listener, Publisher, Service } from '@waybill/core'
import { CardCharged, CardDeclined, StockReserved } from './messages.js'

const cardLimit = 1_000

/** Charges the card of whoever has reserved something. */
@Service('payment')
export class Payment {
  readonly #charges = new Map<string, string>()

  @Listener(StockReserved, { retry: { attempts: 5, backoff: '200ms..5s' } })
  @Publisher(CardCharged, CardDeclined)
  async charge({ orderId, total }: StockReserved): Promise<CardCharged | CardDeclined> {
    if (total > cardLimit) return new CardDeclined({ orderId, reason: `The card was declined: ${total} is over its limit of ${cardLimit}.` })

    const charge = this.#charges.get(orderId) ?? `charge-${this.#charges.size + 1}`
    this.#charges.set(orderId, charge)

    return new CardCharged({ orderId, charge })
  }
}
