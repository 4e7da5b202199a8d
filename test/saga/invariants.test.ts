import { Command, Event, Listener, Service } from '@waybill/core'
import { Database, type Outbox, outbox } from '@waybill/outbox'
import { Saga, sagas, startedBy } from '@waybill/saga'
import { memoryDatabase, type MemoryDatabase, memoryStore, type MemoryTables } from '@waybill/store-memory'
import { type Harness, harness, seededRandom } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'

const payload = z.object({ n: z.number(), account: z.string() })

class Ordered extends Event('account.ordered', { key: 'account', payload }) {}
class Booked extends Event('account.booked', { payload }) {}
class Refused extends Event('account.refused', { payload }) {}
class Book extends Command('ledger.book', { key: 'account', payload }) {}

@Saga('booking', { version: 1 })
class Booking {
  readonly flow = startedBy(Ordered, { id: ({ n }) => `${n}`, state: ({ n, account }) => ({ n, account }) })
    .pivot('book', (step) => step.send(Book, (s) => s).retry({ attempts: 2, backoff: ['1h'] }))
    .ends({ completed: [Booked, (s) => s], compensated: [Refused, ({ n = -1, account = '' }) => ({ n, account })] })
}

const ledger = { isBroken: false, pause: async (): Promise<void> => undefined }

@Service('ledger')
class Ledger {
  constructor(private readonly database: Database) {}

  @Listener(Book, { retry: { attempts: 1 } })
  async book({ n, account }: Book): Promise<void> {
    if (ledger.isBroken) throw new Error('The ledger is closed.')
    await ledger.pause()
    const books = this.database.client<MemoryTables>()
    const known = await books.lock<readonly number[]>('ledger', account)
    await books.set('ledger', account, [...(known ?? []), n])
  }
}

interface Process {
  readonly harness: Harness
  readonly box: Outbox
}

async function begin(database: MemoryDatabase, services: readonly (typeof Booking | typeof Ledger)[], name: string, beside?: Harness): Promise<Process> {
  const made: { box: Outbox } = { box: outbox(memoryStore({ database })) }
  const plugins = () => {
    made.box = outbox(memoryStore({ database }), { lease: '2s', poll: '1s' })

    return [made.box, sagas()]
  }
  const process = await harness({ name, services, plugins, patience: '0ms', log: false, ...(beside && { beside }) })
  onTestFinished(() => process.stop())

  return {
    harness: process,
    get box() {
      return made.box
    },
  }
}

test('I4 what sagas send with one key is done in the order in which they sent it, though processes end', async () => {
  ledger.isBroken = false
  for (let seed = 1; seed <= 4; seed++) {
    const [database, chance] = [memoryDatabase(), seededRandom(`${seed} order`)]
    const { harness: front } = await begin(database, [], 'front')
    ledger.pause = () => front.sleep(`${chance.between(1, 800)}ms`)
    const processes = [await begin(database, [Booking, Ledger], 'one', front), await begin(database, [Booking, Ledger], 'two', front)]

    for (let n = 0; n < 40; n++) {
      await front.app.publish(new Ordered({ n, account: `a-${n % 2}` }))
      if (chance.chance(0.2))
        chance.pick(processes).harness.faults.crash({ at: chance.pick(['after listener', 'before settle', 'after publish']), downFor: `${chance.between(1, 3_000)}ms` })
      await front.advance(chance.between(0, 500))
    }
    await front.advance('2m')

    const odd = (rest: number): readonly number[] => Array.from({ length: 20 }, (_, n) => 2 * n + rest)
    expect(new Set(database.rows('ledger')), `seed ${seed}`).toEqual(new Set([odd(0), odd(1)]))
  }
}, 60_000)

test('I9 a command of a saga that is not done is in exactly one place: the outbox, its queue, or the dead letters', async () => {
  ledger.isBroken = true
  ledger.pause = async () => undefined
  const database = memoryDatabase()
  const { harness: front, box } = await begin(database, [Booking], 'front')
  const waiting = (name: RegExp): number => front.broker.queues().reduce((sum, queue) => sum + (name.test(queue.name) ? queue.waiting + queue.unsettled : 0), 0)
  const places = async (): Promise<Readonly<Record<string, number>>> => {
    const [shard] = await box.status()

    return { outbox: shard?.pending ?? 0, parked: shard?.parked ?? 0, queue: waiting(/^ledger\.ledger(\.keyed\.\d)?$/), dead: waiting(/^ledger\.ledger\.dead$/) }
  }

  await box.pause()
  await front.when(new Ordered({ n: 1, account: 'a' }))
  const stored = await places()
  await box.resume()
  await front.advance('2s')
  const parked = await places()
  const { harness: taker } = await begin(database, [Ledger], 'taker', front)
  await taker.app.stop()
  await box.retry()
  await front.advance('2s')
  const queued = await places()
  const { harness: broken } = await begin(database, [Ledger], 'broken', front)
  await front.advance('2s')
  const dead = await places()
  ledger.isBroken = false
  await broken.app.deadLetters.redrive({ channel: 'ledger', group: 'ledger' })
  await front.advance('2s')

  const nowhere = { outbox: 0, parked: 0, queue: 0, dead: 0 }
  expect([stored, parked, queued, dead, await places()]).toEqual([{ ...nowhere, outbox: 1 }, { ...nowhere, parked: 1 }, { ...nowhere, queue: 1 }, { ...nowhere, dead: 1 }, nowhere])
  expect([database.rows('ledger'), front.published(Booked)]).toMatchObject([[[1]], [{ n: 1 }]])
})
