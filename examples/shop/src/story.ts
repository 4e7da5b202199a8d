import { type Delivery, RawListener, type RawMessage, Service } from '@waybill/core'
import { Database } from '@waybill/outbox'

export interface Chapter {
  readonly orderId: string
  readonly at: string
  readonly message: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** Listens to everything that passes, and tells each order's story. A group of its own: it takes nothing from anybody. */
@Service('story')
export class Story {
  readonly #watchers = new Set<(orderId: string) => void>()

  constructor(private readonly database: Database) {}

  of(orderIds: readonly string[]): Promise<readonly Chapter[]> {
    return this.database.query('SELECT "orderId", at, message, payload FROM chapters WHERE "orderId" = ANY ($1) ORDER BY number', [orderIds])
  }

  /** Calls back for each order that has a new chapter. Returns the end of it. */
  watch(changed: (orderId: string) => void): () => void {
    this.#watchers.add(changed)

    return () => this.#watchers.delete(changed)
  }

  @RawListener('orders')
  async orders(message: RawMessage, delivery: Delivery): Promise<void> {
    await this.#write(message, delivery)
  }

  @RawListener('stock')
  async stock(message: RawMessage, delivery: Delivery): Promise<void> {
    await this.#write(message, delivery)
  }

  @RawListener('payment')
  async payment(message: RawMessage, delivery: Delivery): Promise<void> {
    await this.#write(message, delivery)
  }

  @RawListener('notification')
  async notification(message: RawMessage, delivery: Delivery): Promise<void> {
    await this.#write(message, delivery)
  }

  async #write(message: RawMessage, { key }: Delivery): Promise<void> {
    if (key === undefined) return
    const values = [key, message.name ?? 'unknown', JSON.stringify(message.json())]
    await this.database.query('INSERT INTO chapters ("orderId", message, payload) VALUES ($1, $2, $3)', values)
    for (const changed of this.#watchers) changed(key)
  }
}
