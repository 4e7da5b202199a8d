import { Listener, Publisher, Service } from '@waybill/core'
import { Database } from '@waybill/outbox'
import { CardCharged, CardDeclined, ChargeCard, RefundCard, ReleaseStock, ReserveStock, StockRejected, StockReserved } from './shop.js'

/** The table of the test that runs: what is taken of each order, and given back. */
export const books = { table: '' }

@Service('stock')
export class SqlStock {
  constructor(private readonly database: Database) {}

  @Listener(ReserveStock)
  @Publisher(StockReserved, StockRejected)
  async reserve({ orderId }: ReserveStock): Promise<StockReserved | StockRejected> {
    await book(this.database, 'stock', orderId, 1)

    return new StockReserved({ orderId, reservation: `r-${orderId}` })
  }

  @Listener(ReleaseStock)
  async release({ orderId }: ReleaseStock): Promise<void> {
    await book(this.database, 'stock', orderId, -1)
  }
}

@Service('payment')
export class SqlPayment {
  constructor(private readonly database: Database) {}

  /** Every fifth card is declined. */
  @Listener(ChargeCard)
  @Publisher(CardCharged, CardDeclined)
  async charge({ orderId, amount }: ChargeCard): Promise<CardCharged | CardDeclined> {
    if (amount % 5 === 0) return new CardDeclined({ orderId })
    await book(this.database, 'card', orderId, 1)

    return new CardCharged({ orderId, charge: `c-${orderId}` })
  }

  @Listener(RefundCard)
  async refund({ orderId }: RefundCard): Promise<void> {
    await book(this.database, 'card', orderId, -1)
  }
}

async function book(database: Database, kind: string, orderId: string, change: number): Promise<void> {
  await database.query(`INSERT INTO ${books.table} VALUES ($1, $2, $3)`, [kind, orderId, change])
}
