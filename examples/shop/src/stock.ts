import { DeadLetter, Listener, Publisher, Service } from '@waybill/core'
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
  readonly #items = new Map<string, Item>(initialStock.map((item) => [item.sku, item]))
  readonly #reserved = new Map<string, readonly Line[]>()

  get items(): readonly Item[] {
    return [...this.#items.values()]
  }

  @Listener(GetQuote)
  quote({ lines }: GetQuote): { total: number } {
    return { total: lines.reduce((sum, { sku, quantity }) => sum + this.#price(sku) * quantity, 0) }
  }

  @Listener(ReserveStock)
  @Publisher(StockReserved, StockRejected)
  async reserve({ orderId, lines, total }: ReserveStock): Promise<StockReserved | StockRejected> {
    // A message can come twice; the goods leave the shelf once.
    if (this.#reserved.has(orderId)) return new StockReserved({ orderId, total })

    const missing = lines.find(({ sku, quantity }) => (this.#items.get(sku)?.quantity ?? 0) < quantity)
    if (missing) return new StockRejected({ orderId, reason: `We do not have ${missing.quantity} of ${missing.sku}.` })

    this.#move(lines, -1)
    this.#reserved.set(orderId, lines)

    return new StockReserved({ orderId, total })
  }

  @Listener(ReleaseStock)
  @Publisher(StockReleased)
  async release({ orderId }: ReleaseStock): Promise<StockReleased> {
    this.#move(this.#reserved.get(orderId) ?? [], 1)
    this.#reserved.delete(orderId)

    return new StockReleased({ orderId })
  }

  #price(sku: string): number {
    const item = this.#items.get(sku)
    if (!item) throw new DeadLetter(`There is no item "${sku}".`)

    return item.price
  }

  #move(lines: readonly Line[], direction: 1 | -1): void {
    for (const { sku, quantity } of lines) {
      const item = this.#items.get(sku)
      if (item) this.#items.set(sku, { ...item, quantity: item.quantity + direction * quantity })
    }
  }
}

const initialStock: readonly Item[] = [
  { sku: 'lamp', name: 'Desk lamp', price: 45, quantity: 40 },
  { sku: 'chair', name: 'Chair', price: 120, quantity: 25 },
  { sku: 'desk', name: 'Standing desk', price: 560, quantity: 6 },
  { sku: 'plant', name: 'Plant', price: 18, quantity: 3 },
]
