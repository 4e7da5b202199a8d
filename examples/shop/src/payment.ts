import { Listener, Publisher, Service } from '@waybill/core'
import { Database } from '@waybill/outbox'
import { CardCharged, CardDeclined, StockReserved } from './messages.js'

const cardLimit = 1_000

/** Charges the card of whoever has reserved something. */
@Service('payment')
export class Payment {
  constructor(private readonly database: Database) {}

  @Listener(StockReserved, { retry: { attempts: 5, backoff: '200ms..5s' } })
  @Publisher(CardCharged, CardDeclined)
  async charge({ orderId, total }: StockReserved): Promise<CardCharged | CardDeclined> {
    if (total > cardLimit) return new CardDeclined({ orderId, reason: `The card was declined: ${total} is over its limit of ${cardLimit}.` })

    const [charged] = await this.database.query<{ number: number }>('INSERT INTO charges ("orderId") VALUES ($1) RETURNING number', [orderId])

    return new CardCharged({ orderId, charge: `charge-${charged?.number}` })
  }
}
