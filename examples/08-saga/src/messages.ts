import { Command, Event } from '@waybill/core'
import { z } from 'zod'

const order = { key: 'orderId', payload: z.object({ orderId: z.string() }) } as const

export class OrderPlaced extends Event('order.placed', order) {}
export class OrderConfirmed extends Event('order.confirmed', order) {}
export class OrderRejected extends Event('order.rejected', { key: 'orderId', payload: z.object({ orderId: z.string(), reason: z.string() }) }) {}

export class ReserveStock extends Command('stock.reserve', order) {}
export class StockReserved extends Event('stock.reserved', { key: 'orderId', payload: z.object({ orderId: z.string(), shelf: z.string() }) }) {}
export class ReleaseStock extends Command('stock.release', { key: 'orderId', payload: z.object({ orderId: z.string(), shelf: z.string() }) }) {}

export class ChargeCard extends Command('payment.charge', order) {}
export class CardCharged extends Event('payment.charged', order) {}
export class CardDeclined extends Event('payment.declined', order) {}
