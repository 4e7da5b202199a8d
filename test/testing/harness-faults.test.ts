import { type AppOptions, Command, type Delivery, Event, Listener, type Publish, Publisher, Service } from '@waybill/core'
import { type CrashPoint, type Harness, harness } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'

class Pay extends Command('payment.pay', { key: 'account', payload: z.object({ account: z.string(), n: z.number() }) }) {}
class Note extends Command('notes.take', { payload: z.object({ n: z.number() }) }) {}
class Paid extends Event('payment.paid', { payload: z.object({ account: z.string(), n: z.number() }) }) {}

@Service('till')
class Till {
  readonly runs: string[] = []

  @Listener(Pay)
  @Publisher(Paid)
  async pay({ account, n }: Pay, { attempt }: Delivery): Promise<Paid> {
    this.runs.push(`${account}${n} ${attempt}`)

    return new Paid({ account, n })
  }

  @Listener(Note, { concurrency: 1 })
  note({ n }: Note): void {
    this.runs.push(`note ${n}`)
  }
}

@Service('impatient')
class Impatient {
  outcome = 'open'

  constructor(@Publisher(Paid) private readonly paid: Publish<Paid>) {}

  @Listener(Pay, { retry: false })
  async pay({ account, n }: Pay): Promise<void> {
    await this.paid({ account, n }, { held: false }).then(
      () => (this.outcome = 'confirmed'),
      (error: { code: string }) => (this.outcome = error.code),
    )
  }
}

async function started(services: AppOptions['services'] = [Till]): Promise<Harness> {
  const shop = await harness({ services })
  onTestFinished(() => shop.stop())

  return shop
}

const pay = (n: number, account = 'a'): Pay => new Pay({ account, n })

test('a confirm that is lost leaves its publisher in the dark until the deadline, and the message is there', async () => {
  const shop = await started([Impatient])
  shop.faults.drop({ of: Paid })

  await shop.when(pay(1))
  expect(shop.get(Impatient).outcome).toBe('open')
  await shop.advance('10s')

  expect(shop.get(Impatient).outcome).toBe('UNKNOWN')
  expect(shop.published(Paid)).toHaveLength(1)
})

test('H1 a held message whose confirm is lost is sent again with the same id', async () => {
  const shop = await started()
  shop.faults.drop({ of: Paid })

  await shop.when(pay(1))
  await shop.settled({ within: '1m' })

  expect(shop.get(Till).runs).toEqual(['a1 1', 'a1 2'])
  expect(shop.journal.filter((line) => line.includes('publishes payment.paid'))).toHaveLength(2)
  expect(shop.published(Paid)).toHaveLength(1)
})

test('an acknowledgement that is lost brings the message again', async () => {
  const shop = await started()
  shop.faults.duplicate({ of: Pay })

  await shop.when(pay(1))

  expect(shop.get(Till).runs).toEqual(['a1 1', 'a1 1'])
})

test('a slow line brings everything later, in order', async () => {
  const shop = await started()
  shop.faults.delay('2s')

  await shop.when(new Note({ n: 1 }))
  await shop.advance('1s')
  await shop.when(new Note({ n: 2 }))
  expect(shop.get(Till).runs).toEqual([])
  await shop.advance('1s')
  expect(shop.get(Till).runs).toEqual(['note 1'])
  await shop.advance('1s')

  expect(shop.get(Till).runs).toEqual(['note 1', 'note 2'])
})

test('messages overtake each other where a broker may let them, never those of one key', async () => {
  const shop = await started()
  shop.faults.reorder('1s')

  for (let n = 0; n < 10; n++) await shop.when(new Note({ n }))
  for (let n = 0; n < 10; n++) await shop.when(pay(n))
  await shop.settled({ within: '1m' })

  const { runs } = shop.get(Till)
  const notes = runs.filter((run) => run.startsWith('note'))
  expect(notes).toHaveLength(10)
  expect(notes).not.toEqual([...notes].sort())
  expect(runs.filter((run) => run.startsWith('a'))).toEqual(Array.from({ length: 10 }, (_, n) => `a${n} 1`))
})

test('a connection that is cut is made again by the app, and nothing is lost', async () => {
  const shop = await started()

  shop.faults.disconnect()
  expect(shop.app.health().ready).toBe(false)
  await shop.when(pay(1))
  await shop.settled({ within: '1m' })

  expect(shop.app.health().ready).toBe(true)
  expect(shop.published(Paid)).toHaveLength(1)
})

test.each<[CrashPoint, number, number]>([
  ['before publish', 1, 1],
  ['after publish', 1, 2],
  ['before listener', 1, 1],
  ['after listener', 1, 1],
  ['before settle', 1, 2],
  ['after settle', 0, 1],
])('C1 an app that crashes %s runs the message %i more times, and what it publishes is one message, sent %i times', async (at, runsAfter, sends) => {
  const shop = await started()
  const before = shop.get(Till)
  shop.faults.crash({ at, of: at.endsWith('publish') ? Paid : Pay })

  await shop.when(pay(1))

  expect(shop.get(Till)).not.toBe(before)
  expect(shop.get(Till).runs).toHaveLength(runsAfter)
  expect(shop.published(Paid)).toHaveLength(1)
  expect(shop.journal.filter((line) => /publishes payment\.paid .*confirmed/.test(line))).toHaveLength(sends)
})

test('an app that crashes for a while is away so long', async () => {
  const shop = await started()
  shop.faults.crash({ downFor: '1m' })

  await shop.when(pay(1))
  await shop.advance('59s')
  expect(shop.published(Paid)).toEqual([])
  await shop.advance('1s')

  expect(shop.published(Paid)).toHaveLength(1)
})

test('a listener of an app that has crashed does not wake up', async () => {
  const ended: number[] = []
  @Service('slow')
  class Slow {
    @Listener(Note)
    async note({ n }: Note): Promise<void> {
      await shop.sleep('5s')
      ended.push(n)
    }
  }
  const shop = await started([Slow])

  await shop.when(new Note({ n: 1 }))
  await shop.advance('2s')
  shop.faults.crash()
  await shop.settled({ within: '1m' })

  expect(ended).toEqual([1])
  expect(shop.runtime.elapsed()).toBeGreaterThanOrEqual(7_000)
})

test('an app that crashes in a redrive lets go of the dead letters, and they are there after its restart', async () => {
  @Service('clerk')
  class Clerk {
    isAway = true

    @Listener(Note, { retry: false })
    note(): void {
      if (this.isAway) throw new Error('The clerk is away.')
    }
  }
  const shop = await started([Clerk])
  for (const n of [1, 2]) await shop.when(new Note({ n }))
  shop.get(Clerk).isAway = false

  shop.faults.crash({ at: 'after publish', of: Note })
  void shop.app.deadLetters.redrive({ channel: 'notes', group: 'clerk' })
  await shop.advance('1m')

  expect(shop.app.health().reasons).toEqual([])
  // The first was sent again and not removed yet, and died once more.
  expect(await shop.deadLetters('clerk')).toHaveLength(3)
})

test('after healing nothing that was planned happens any more', async () => {
  const shop = await started()
  shop.faults.crash({ at: 'before listener' })
  shop.faults.drop({ times: 5 })
  shop.faults.delay('1h')

  shop.faults.heal()
  await shop.when(pay(1))

  expect(shop.get(Till).runs).toEqual(['a1 1'])
})

class NoMessage {}

test.each<[string, string, (shop: Harness) => void]>([
  ['of what is no message', 'NOT_A_MESSAGE', (shop) => shop.faults.drop({ of: NoMessage as never })],
  ['that crashes by what is no message', 'NOT_A_MESSAGE', (shop) => shop.faults.crash({ at: 'before settle', of: NoMessage as never })],
  ['that never comes', 'FAULT_OPTION', (shop) => shop.faults.duplicate({ times: 0 })],
  ['at no point', 'FAULT_OPTION', (shop) => shop.faults.crash({ at: 'before listening' as never })],
  ['for no time', 'DURATION', (shop) => shop.faults.crash({ at: 'before settle', downFor: 'soon' as never })],
])('a fault %s is refused, and none is planned', async (_title, code, plan) => {
  const shop = await started()

  expect(() => plan(shop)).toThrow(expect.objectContaining({ code }))
  await shop.when(pay(1))

  expect(shop.get(Till).runs).toEqual(['a1 1'])
})

test('a broker that restarts finds its services again', async () => {
  const shop = await started()

  shop.broker.stop()
  await shop.when(pay(1))
  await shop.advance('1m')
  shop.broker.start()
  await shop.settled({ within: '2m' })

  expect(shop.get(Till).runs).toEqual([])
  await shop.when(pay(2))
  expect(shop.get(Till).runs).toEqual(['a2 1'])
})
