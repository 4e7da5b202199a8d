import { type Ask, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { Database, Transactional } from '@waybill/outbox'
import { CardCharged, CardDeclined, GetQuote, type Line, OrderConfirmed, OrderPlaced, OrderRejected, ReleaseStock, ReserveStock, StockRejected } from './messages.js'

export interface Order {
  readonly orderId: string
  readonly customer: string
  readonly lines: readonly Line[]
  readonly total: number
  readonly status: 'placed' | 'confirmed' | 'rejected'
}

const columns = '"orderId", customer, lines, total, status'

/** Takes orders, and knows how each one ends. */
@Service('orders')
export class Orders {
  constructor(
    private readonly database: Database,
    @Publisher(GetQuote) private readonly quote: Ask<GetQuote>,
    @Publisher(OrderPlaced) private readonly placed: Publish<OrderPlaced>,
  ) {}

  latest(count: number): Promise<readonly Order[]> {
    return this.database.query(`SELECT ${columns} FROM orders ORDER BY number DESC LIMIT $1`, [count])
  }

  async find(orderId: string): Promise<Order | undefined> {
    const [order] = await this.database.query<Order>(`SELECT ${columns} FROM orders WHERE "orderId" = $1`, [orderId])

    return order
  }

  async place(order: { readonly orderId: string; readonly customer: string; readonly lines: readonly Line[] }): Promise<Order> {
    const known = await this.find(order.orderId)
    if (known) return known

    // Asked before the transaction: nobody's answer is waited for within one.
    const { total } = await this.quote({ lines: [...order.lines] }, { timeout: '5s' })

    return this.book({ ...order, total, status: 'placed' })
  }

  /** The order and the message that tells of it are there together, or neither is. */
  @Transactional()
  async book({ orderId, customer, lines, total, status }: Order): Promise<Order> {
    const values = [orderId, customer, JSON.stringify(lines), total, status]
    const [booked] = await this.database.query<Order>(`INSERT INTO orders (${columns}) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING ${columns}`, values)
    if (booked) await this.placed({ orderId, customer, lines: [...lines], total })

    return { orderId, customer, lines, total, status }
  }

  @Listener(OrderPlaced)
  @Publisher(ReserveStock)
  async begin({ orderId, lines, total }: OrderPlaced): Promise<ReserveStock> {
    return new ReserveStock({ orderId, lines: [...lines], total })
  }

  @Listener(CardCharged)
  @Publisher(OrderConfirmed)
  async confirm({ orderId, charge }: CardCharged): Promise<OrderConfirmed> {
    await this.#end(orderId, 'confirmed')

    return new OrderConfirmed({ orderId, charge })
  }

  @Listener(StockRejected)
  @Publisher(OrderRejected)
  async refuse({ orderId, reason }: StockRejected): Promise<OrderRejected> {
    await this.#end(orderId, 'rejected')

    return new OrderRejected({ orderId, reason })
  }

  @Listener(CardDeclined)
  @Publisher(OrderRejected, ReleaseStock)
  async undo({ orderId, reason }: CardDeclined): Promise<readonly (OrderRejected | ReleaseStock)[]> {
    await this.#end(orderId, 'rejected')

    return [new ReleaseStock({ orderId }), new OrderRejected({ orderId, reason })]
  }

  async #end(orderId: string, status: Order['status']): Promise<void> {
    await this.database.query('UPDATE orders SET status = $2 WHERE "orderId" = $1', [orderId, status])
  }
}
