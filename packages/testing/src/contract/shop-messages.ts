import { Command, Event, Query } from '@waybill/core'
import { shape } from './shape.js'

/** The messages of the services that the contract runs. */
export class OrderPlaced extends Event('order.placed', { channel: 'orders', payload: shape({ orderId: 'string', total: 'number' }) }) {}

export class OrderMoved extends Event('order.moved', { channel: 'orders', key: 'orderId', payload: shape({ orderId: 'string', step: 'number' }) }) {}

export class OrderBilled extends Event('order.billed', { channel: 'orders', payload: shape({ orderId: 'string', invoice: 'string' }) }) {}

export class OrderImported extends Event('order.imported', {
  channel: 'orders',
  payload: shape({ orderId: 'string' }),
  foreign: { name: 'com.acme.OrderImported' },
}) {}

export class OrderAudited extends Event('order.audited', { channel: 'orders', heard: true, payload: shape({ orderId: 'string' }) }) {}

export class BillOrder extends Command('order.bill', { channel: 'orders', payload: shape({ orderId: 'string' }) }) {}

export class GetTotal extends Query('order.total', { channel: 'orders', payload: shape({ orderId: 'string' }), reply: shape({ total: 'number' }) }) {}
