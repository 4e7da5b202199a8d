import { type Delivery, RawListener, type RawMessage, Service } from '@waybill/core'

export interface Chapter {
  readonly at: string
  readonly message: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** Listens to everything that passes, and tells each order's story. A group of its own: it takes nothing from anybody. */
@Service('story')
export class Story {
  readonly #chapters = new Map<string, Chapter[]>()
  readonly #seen = new Set<string>()
  readonly #watchers = new Set<(orderId: string) => void>()

  of(orderId: string): readonly Chapter[] {
    return this.#chapters.get(orderId) ?? []
  }

  /** Calls back for each order that has a new chapter. Returns the end of it. */
  watch(changed: (orderId: string) => void): () => void {
    this.#watchers.add(changed)

    return () => this.#watchers.delete(changed)
  }

  @RawListener('orders')
  orders(message: RawMessage, delivery: Delivery): void {
    this.#write(message, delivery)
  }

  @RawListener('stock')
  stock(message: RawMessage, delivery: Delivery): void {
    this.#write(message, delivery)
  }

  @RawListener('payment')
  payment(message: RawMessage, delivery: Delivery): void {
    this.#write(message, delivery)
  }

  @RawListener('notification')
  notification(message: RawMessage, delivery: Delivery): void {
    this.#write(message, delivery)
  }

  #write(message: RawMessage, { id, key }: Delivery): void {
    if (key === undefined || this.#seen.has(id)) return
    this.#seen.add(id)
    const chapters = this.#chapters.get(key) ?? []
    chapters.push({ at: new Date().toISOString(), message: message.name ?? 'unknown', payload: message.json() as Chapter['payload'] })
    this.#chapters.set(key, chapters)
    for (const changed of this.#watchers) changed(key)
  }
}
