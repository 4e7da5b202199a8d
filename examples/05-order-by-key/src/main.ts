import { Command, createApp, Listener, Service } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { z } from 'zod'

const move = z.object({ account: z.string(), amount: z.number(), tookMs: z.number() })

// A declared key is a promise: what has the same key is worked off one after another.
class Book extends Command('ledger.book', { key: 'account', payload: move }) {}

@Service('ledger')
class Ledger {
  readonly books = new Map<string, number[]>()
  atOnce = 0
  most = 0
  left = 0
  onDone: () => void = () => undefined

  @Listener(Book, { concurrency: 10 })
  async book({ account, amount, tookMs }: Book): Promise<void> {
    this.atOnce++
    this.most = Math.max(this.most, this.atOnce)
    await new Promise((resolve) => setTimeout(resolve, tookMs))
    this.books.set(account, [...(this.books.get(account) ?? []), amount])
    this.atOnce--
    if (--this.left === 0) this.onDone()
  }
}

const app = createApp({ name: 'order', services: [Ledger], transport: memory(), log: false })
await app.start()
const ledger = app.get(Ledger)
const accounts = ['ann', 'bob', 'cleo']
const bookings = [1, 2, 3, 4, 5].flatMap((amount) => accounts.map((account) => new Book({ account, amount, tookMs: 30 - 5 * amount })))

const done = new Promise<void>((resolve) => {
  ledger.onDone = resolve
})
ledger.left = bookings.length
await app.publish(bookings)
await done

for (const account of accounts) console.log(`${account}: ${ledger.books.get(account)?.join(' ')}`)
console.log(`${ledger.most} accounts at once`)
await app.stop()
