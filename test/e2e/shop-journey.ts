import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { type Program, runProgram } from './program.js'

interface Told {
  readonly order: { readonly status: string; readonly total: number }
  readonly story: readonly { readonly message: string; readonly payload: { readonly text?: string } }[]
}

const refusedByStock = ['order.placed', 'stock.reserve', 'stock.rejected', 'order.rejected', 'notification.sent']
const confirmed = ['order.placed', 'stock.reserve', 'stock.reserved', 'payment.charged', 'order.confirmed', 'notification.sent']
const undone = ['order.placed', 'stock.reserve', 'stock.reserved', 'payment.declined', 'order.rejected', 'stock.release', 'stock.released', 'notification.sent']

/** The shop as a visitor meets it: the same on every broker. */
export function shopJourney(broker: string): void {
  test(`on ${broker} an order is confirmed, one is refused by the stock, one by the card and undone`, { timeout: 60_000 }, async () => {
    const { program, place, storyOf, quantities, ordered } = await openShop(broker, newFolder())

    expect(await place('fine', 'lamp', 2)).toMatchObject({ status: 202, json: { total: 90 } })
    expect(await place('fine', 'lamp', 2)).toMatchObject({ status: 202 })
    await place('too-many', 'plant', 4)
    await place('too-dear', 'desk', 2)
    expect(await place('odd', 'unicorn', 1)).toMatchObject({ status: 422, json: { detail: expect.stringContaining('unicorn') } })
    expect(await place('none', 'lamp', 0)).toMatchObject({ status: 400 })

    for (const [orderId, chapters] of [
      ['fine', confirmed],
      ['too-many', refusedByStock],
      ['too-dear', undone],
    ] as const) {
      await eventually(async () => (await storyOf(orderId)).story.length >= chapters.length, { within: 20_000 })
      expect((await storyOf(orderId)).story.map(({ message }) => message).sort()).toEqual([...chapters].sort())
    }
    expect((await storyOf('fine')).order.status).toBe('confirmed')
    expect((await storyOf('too-dear')).order.status).toBe('rejected')
    expect((await storyOf('too-many')).story.find(({ message }) => message === 'notification.sent')?.payload.text).toBe('We could not take your order. We do not have 4 × Plant.')
    expect(await ordered()).toEqual(['2 × Standing desk', '4 × Plant', '2 × Desk lamp'])
    expect(await quantities()).toEqual({ lamp: 38, chair: 25, desk: 6, plant: 3 })

    expect(await program.end()).toBe(0)
  })
}

interface Answer {
  readonly status: number
  readonly json: unknown
}

interface OpenShop {
  readonly program: Program
  readonly address: URL
  place(orderId: string, sku: string, quantity: number): Promise<Answer>
  storyOf(orderId: string): Promise<Told>
  quantities(): Promise<Readonly<Record<string, number>>>
  /** The lines of every order as the page shows them, the latest first. */
  ordered(): Promise<readonly string[]>
}

/** The shop in a process of its own, on what it kept in the folder. */
export async function openShop(broker: string, folder: string, namespace = `t-${randomUUID().slice(0, 8)}`): Promise<OpenShop> {
  const program = runProgram('examples/shop/dist/main.js', '--port', '0', '--broker', broker, '--namespace', namespace, '--data', folder)
  const [, address] = await program.shows(/The shop is open: (\S+)/)
  const call = async (path: string, body?: object): Promise<Answer> => {
    const response = await fetch(`${address}${path}`, body ? { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {})

    return { status: response.status, json: await response.json() }
  }

  return {
    program,
    address: new URL(address ?? ''),
    place: (orderId, sku, quantity) => call('orders', { orderId, customer: 'Ada', lines: [{ sku, quantity }] }),
    storyOf: async (orderId) => (await call(`orders/${orderId}`)).json as Told,
    async quantities() {
      const { items } = (await call('state')).json as { items: { sku: string; quantity: number }[] }

      return Object.fromEntries(items.map(({ sku, quantity }) => [sku, quantity]))
    },
    async ordered() {
      const { orders } = (await call('state')).json as { orders: { lines: { name: string; quantity: number }[] }[] }

      return orders.flatMap(({ lines }) => lines.map(({ name, quantity }) => `${quantity} × ${name}`))
    },
  }
}

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-shop-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))

  return folder
}
