import { Command, Event, Query } from '@waybill/core'
import { z } from 'zod'

export const Line = z.object({ sku: z.string().min(1), quantity: z.number().int().positive() })
export type Line = z.infer<typeof Line>

const orderId = z.string().min(1)

export class OrderPlaced extends Event('order.placed', {
  channel: 'orders',
  key: 'orderId',
  payload: z.object({ orderId, customer: z.string().min(1), lines: z.array(Line).min(1), total: z.number() }),
}) {}
export class OrderConfirmed extends Event('order.confirmed', { channel: 'orders', key: 'orderId', payload: z.object({ orderId, charge: z.string() }) }) {}
export class OrderRejected extends Event('order.rejected', { channel: 'orders', key: 'orderId', payload: z.object({ orderId, reason: z.string() }) }) {}

export class ReserveStock extends Command('stock.reserve', { key: 'orderId', payload: z.object({ orderId, lines: z.array(Line), total: z.number() }) }) {}
export class ReleaseStock extends Command('stock.release', { key: 'orderId', payload: z.object({ orderId }) }) {}
export class StockReserved extends Event('stock.reserved', { key: 'orderId', payload: z.object({ orderId, total: z.number() }) }) {}
export class StockRejected extends Event('stock.rejected', { key: 'orderId', payload: z.object({ orderId, reason: z.string() }) }) {}
export class StockReleased extends Event('stock.released', { key: 'orderId', payload: z.object({ orderId }) }) {}

export class CardCharged extends Event('payment.charged', { key: 'orderId', payload: z.object({ orderId, charge: z.string() }) }) {}
export class CardDeclined extends Event('payment.declined', { key: 'orderId', payload: z.object({ orderId, reason: z.string() }) }) {}

export class CustomerNotified extends Event('notification.sent', { key: 'orderId', payload: z.object({ orderId, text: z.string() }) }) {}

export class GetQuote extends Query('stock.quote', { payload: z.object({ lines: z.array(Line) }), reply: z.object({ total: z.number() }) }) {}
