import { type Ask, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { CardCharged, CardDeclined, GetQuote, type Line, OrderConfirmed, OrderPlaced, OrderRejected, ReleaseStock, ReserveStock, StockRejected } from './messages.js'

export interface Order {
  readonly orderId: string
  readonly customer: string
  readonly lines: readonly Line[]
  readonly total: number
  readonly status: 'placed' | 'confirmed' | 'rejected'
}

/** Takes orders, and knows how each one ends. */
@Service('orders')
export class Orders {
  readonly #orders = new Map<string, Order>()

  constructor(
    @Publisher(GetQuote) private readonly quote: Ask<GetQuote>,
    @Publisher(OrderPlaced) private readonly placed: Publish<OrderPlaced>,
  ) {}

  get all(): readonly Order[] {
    return [...this.#orders.values()]
  }

  find(orderId: string): Order | undefined {
    return this.#orders.get(orderId)
  }

  async place(order: { readonly orderId: string; readonly customer: string; readonly lines: readonly Line[] }): Promise<Order> {
    const known = this.#orders.get(order.orderId)
    if (known) return known

    const lines = [...order.lines]
    const { total } = await this.quote({ lines }, { timeout: '5s' })
    this.#orders.set(order.orderId, { ...order, total, status: 'placed' })
    try {
      await this.placed({ ...order, lines, total })
    } catch (error) {
      // Nobody may have heard of it, so the same click may be made again.
      this.#orders.delete(order.orderId)
      throw error
    }

    return { ...order, total, status: 'placed' }
  }

  @Listener(OrderPlaced)
  @Publisher(ReserveStock)
  async begin({ orderId, lines, total }: OrderPlaced): Promise<ReserveStock> {
    return new ReserveStock({ orderId, lines: [...lines], total })
  }

  @Listener(CardCharged)
  @Publisher(OrderConfirmed)
  async confirm({ orderId, charge }: CardCharged): Promise<OrderConfirmed> {
    this.#end(orderId, 'confirmed')

    return new OrderConfirmed({ orderId, charge })
  }

  @Listener(StockRejected)
  @Publisher(OrderRejected)
  async refuse({ orderId, reason }: StockRejected): Promise<OrderRejected> {
    this.#end(orderId, 'rejected')

    return new OrderRejected({ orderId, reason })
  }

  @Listener(CardDeclined)
  @Publisher(OrderRejected, ReleaseStock)
  async undo({ orderId, reason }: CardDeclined): Promise<readonly (OrderRejected | ReleaseStock)[]> {
    this.#end(orderId, 'rejected')

    return [new ReleaseStock({ orderId }), new OrderRejected({ orderId, reason })]
  }

  #end(orderId: string, status: Order['status']): void {
    const order = this.#orders.get(orderId)
    if (order) this.#orders.set(orderId, { ...order, status })
  }
}
