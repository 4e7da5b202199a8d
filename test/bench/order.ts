import type { Order } from './contender.js'

const customer = 'customer-0123456789abcdef'
const lines = Array.from({ length: 18 }, (_, at) => ({ sku: `sku-${String(at).padStart(8, '0')}`, quantity: at + 1, price: 1999 + at }))

/** Orders differ in id and time alone: to make one must cost next to nothing beside to send it. */
export function makeOrder(id: number): Order {
  return { id, at: performance.now(), customer, lines }
}

const keys = 16

/** Where orders have keys, they take turns. */
export function keyOf({ id }: Order): string {
  return `customer-${id % keys}`
}

const idField = /"id":(\d+)/

/** The id within a body as it stands at the broker, whatever a library wraps around it. */
export function idOf(body: Uint8Array): number {
  const text = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, 512)).toString('latin1')

  return Number(idField.exec(text)?.[1] ?? -1)
}
