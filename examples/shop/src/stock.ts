import { DeadLetter, Listener, Publisher, Service } from '@waybill/core'
import { Database } from '@waybill/outbox'
import { GetQuote, type Line, ReleaseStock, ReserveStock, StockRejected, StockReleased, StockReserved } from './messages.js'

export interface Item {
  readonly sku: string
  readonly name: string
  readonly price: number
  readonly quantity: number
}

/** Knows what there is, what it costs, and who has reserved it. */
@Service('stock')
export class Stock {
  constructor(private readonly database: Database) {}

  items(): Promise<readonly Item[]> {
    return this.database.query('SELECT sku, name, price, quantity FROM items ORDER BY price DESC')
  }

  @Listener(GetQuote)
  async quote({ lines }: GetQuote): Promise<{ total: number }> {
    const items = new Map((await this.items()).map((item) => [item.sku, item]))
    const prices = lines.map(({ sku, quantity }) => priceOf(items.get(sku), sku) * quantity)

    return { total: prices.reduce((sum, price) => sum + price, 0) }
  }

  @Listener(ReserveStock)
  @Publisher(StockReserved, StockRejected)
  async reserve({ orderId, lines, total }: ReserveStock): Promise<StockReserved | StockRejected> {
    const items = new Map((await this.items()).map((item) => [item.sku, item]))
    const missing = lines.find(({ sku, quantity }) => (items.get(sku)?.quantity ?? 0) < quantity)
    if (missing) return new StockRejected({ orderId, reason: `We do not have ${missing.quantity} × ${items.get(missing.sku)?.name ?? missing.sku}.` })

    await this.#move(lines, -1)
    await this.database.query('INSERT INTO reservations VALUES ($1, $2)', [orderId, JSON.stringify(lines)])

    return new StockReserved({ orderId, total })
  }

  @Listener(ReleaseStock)
  @Publisher(StockReleased)
  async release({ orderId }: ReleaseStock): Promise<StockReleased> {
    const [reserved] = await this.database.query<{ lines: readonly Line[] }>('DELETE FROM reservations WHERE "orderId" = $1 RETURNING lines', [orderId])
    await this.#move(reserved?.lines ?? [], 1)

    return new StockReleased({ orderId })
  }

  async #move(lines: readonly Line[], direction: 1 | -1): Promise<void> {
    for (const { sku, quantity } of lines) await this.database.query('UPDATE items SET quantity = quantity + $2 WHERE sku = $1', [sku, direction * quantity])
  }
}

function priceOf(item: Item | undefined, sku: string): number {
  if (!item) throw new DeadLetter(`There is no item "${sku}".`)

  return item.price
}
