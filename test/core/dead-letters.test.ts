import { type App, type Delivery, Event, type DeadLetters, type DeadMessage, Listener, type Logger, type RedriveProgress, type Runtime, Service } from '@waybill/core'
import type { MemoryBroker } from '@waybill/transport-memory'
import { type VirtualRuntime, virtualRuntime } from '@waybill/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class Paid extends Event('payments.paid', { payload: z.object({ n: z.number(), to: z.string() }) }) {}
class Noted extends Event('payments.noted', { key: 'id', payload: z.object({ id: z.string(), n: z.number() }) }) {}
class Moved extends Event('payments.moved', { key: 'id', payload: z.object({ id: z.string() }) }) {}

const of = { channel: 'payments', group: 'bank' } as const

interface Bench {
  readonly runtime: VirtualRuntime
  readonly letters: DeadLetters
  readonly publish: App['publish']
  readonly stop: App['stop']
  readonly broker: MemoryBroker
  /** What was logged, with the message that it is about. */
  readonly lines: string[]
  readonly taken: { n: number; to: string; id: string; attempt: number; headers: object; at: number }[]
  isOpen: boolean
  /** So much later it is for the app than by its timers. */
  lateMs: number
}

/** Five payments and a move that nobody could do. */
async function closedBank(dying: readonly number[] = [0, 1, 2, 3, 4]): Promise<Bench> {
  const runtime = virtualRuntime()
  const taken: Bench['taken'] = []
  const lines: string[] = []
  const note: Logger['warn'] = (text, fields) => void lines.push(`${text} (${String(fields?.['id'])})`)
  const bench: { -readonly [K in keyof Bench]: Bench[K] } = {
    runtime,
    taken,
    lines,
    isOpen: false,
    lateMs: 0,
    letters: undefined as never,
    publish: undefined as never,
    stop: undefined as never,
    broker: undefined as never,
  }
  @Service('bank')
  class Bank {
    @Listener(Paid, { retry: false })
    paid({ n, to }: Paid, { id, attempt, headers }: Delivery): void {
      if (!bench.isOpen || to === 'nobody') throw new RangeError('closed')
      taken.push({ n, to, id, attempt, headers, at: runtime.elapsed() })
    }

    @Listener(Noted, { retry: false })
    noted({ n }: Noted, { id, attempt, headers }: Delivery): void {
      if (!bench.isOpen) throw new RangeError('closed')
      taken.push({ n, to: '', id, attempt, headers, at: runtime.elapsed() })
    }

    @Listener(Moved, { retry: false })
    moved(): void {
      throw new TypeError('no')
    }
  }
  const clock = { ...boundTo(runtime), elapsed: () => runtime.elapsed() + bench.lateMs }
  const { app, broker } = await startApp({ runtime: clock, services: [Bank], log: { debug: note, info: note, warn: note, error: note } })
  bench.broker = broker
  for (const n of dying) await app.publish(new Paid({ n, to: 'eve' }), { id: `p-${n}` })
  if (dying.length > 0) await app.publish(new Moved({ id: 'k' }), { id: 'm-0' })
  await runtime.advance('1s')
  bench.letters = app.deadLetters
  bench.publish = app.publish.bind(app)
  bench.stop = app.stop.bind(app)

  return bench
}

function boundTo(runtime: Runtime): Runtime {
  return {
    now: () => runtime.now(),
    elapsed: () => runtime.elapsed(),
    after: (ms, work) => runtime.after(ms, work),
    soon: (work) => runtime.soon(work),
    random: () => runtime.random(),
    id: () => runtime.id(),
  }
}

function ids(letters: readonly { id: string | undefined }[]): readonly (string | undefined)[] {
  return letters.map(({ id }) => id)
}

test('dead letters are listed by name, key, reason and id', async () => {
  const { letters } = await closedBank()

  expect(ids(await letters.list(of))).toEqual(['p-0', 'p-1', 'p-2', 'p-3', 'p-4', 'm-0'])
  expect(ids(await letters.list(of, { name: 'payments.moved' }))).toEqual(['m-0'])
  expect(ids(await letters.list(of, { key: 'k' }))).toEqual(['m-0'])
  expect(ids(await letters.list(of, { reason: 'FAILED', ids: ['p-3', 'p-4'] }))).toEqual(['p-3', 'p-4'])
  expect(ids(await letters.list(of, { reason: 'SCHEMA' }))).toEqual([])
  expect(ids(await letters.list(of, { name: 'payments.paid', limit: 2 }))).toEqual(['p-0', 'p-1'])
})

test('one dead letter is shown with everything that is known', async () => {
  const { letters } = await closedBank()

  expect(await letters.show(of, 'p-1')).toMatchObject({ id: 'p-1', name: 'payments.paid', error: 'RangeError: closed', attempts: 1, listener: 'Bank.paid', originId: undefined })
  expect(await letters.show(of, 'p-9')).toBeUndefined()
})

test('R9 a redrive of one cause takes those alone, their attempts starting anew', async () => {
  const bench = await closedBank()
  bench.isOpen = true

  const count = await bench.letters.redrive(of, { name: 'payments.paid', reason: 'FAILED' })
  await bench.runtime.advance('1s')

  expect(count).toBe(5)
  expect(bench.taken.map(({ id, attempt }) => [id, attempt])).toEqual([0, 1, 2, 3, 4].map((n) => [`p-${n}`, 1]))
  expect(ids(await bench.letters.list(of))).toEqual(['m-0'])
})

test('a redrive with a rate goes no faster, and tells how far it is', async () => {
  const bench = await closedBank()
  bench.isOpen = true
  const from = bench.runtime.elapsed()
  const progress: RedriveProgress[] = []

  const redriving = bench.letters.redrive(of, { name: 'payments.paid', rate: { limit: 2, per: '1s' }, onProgress: (p) => progress.push(p) })
  await bench.runtime.advance('10s')

  expect(await redriving).toBe(5)
  expect(bench.taken.map(({ at }) => at - from)).toEqual([0, 0, 1_000, 1_000, 2_000])
  expect(progress.at(-1)).toEqual({ redriven: 5, kept: 1, stopped: undefined })
})

test('a redrive with a quick rate keeps to it for a second, and rests for a moment', async () => {
  const bench = await closedBank()
  for (let n = 5; n < 15; n++) await bench.publish(new Paid({ n, to: 'eve' }), { id: `p-${n}` })
  await bench.runtime.advance('1s')
  bench.isOpen = true
  const from = bench.runtime.elapsed()

  const redriving = bench.letters.redrive(of, { name: 'payments.paid', rate: { limit: 1, per: '100ms' } })
  await bench.runtime.advance('10s')

  expect(await redriving).toBe(15)
  expect(bench.taken.map(({ at }) => at - from)).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1_200, 1_300, 1_400, 1_500, 1_600])
})

test('R9 a redrive stops when one of its messages fails again, and the rest stays', async () => {
  const bench = await closedBank()
  const progress: RedriveProgress[] = []

  const redriving = bench.letters.redrive(of, { rate: { limit: 1, per: '1s' }, onProgress: (p) => progress.push(p) })
  await bench.runtime.advance('10s')

  expect(await redriving).toBe(1)
  expect(progress.at(-1)).toEqual({ redriven: 1, kept: 0, stopped: 'failed-again' })
  expect(
    ids(await bench.letters.list(of))
      .slice()
      .sort(),
  ).toEqual(['m-0', 'p-0', 'p-1', 'p-2', 'p-3', 'p-4'])
})

test.each([
  { kind: 'without a key', first: () => new Paid({ n: 1, to: 'eve' }), second: () => new Paid({ n: 2, to: 'eve' }) },
  { kind: 'of one key', first: () => new Noted({ id: 'k', n: 1 }), second: () => new Noted({ id: 'k', n: 2 }) },
])('two dead letters $kind that have one id are redriven both', async ({ first, second }) => {
  const bench = await closedBank([])
  await bench.publish(first(), { id: 'same' })
  await bench.publish(second(), { id: 'same' })
  await bench.runtime.advance('1s')
  bench.isOpen = true
  const progress: RedriveProgress[] = []

  const count = await bench.letters.redrive(of, { onProgress: (p) => progress.push(p) })
  await bench.runtime.advance('1s')

  expect(count).toBe(2)
  expect(bench.taken.map(({ n }) => n)).toEqual([1, 2])
  expect(progress.at(-1)).toEqual({ redriven: 2, kept: 0, stopped: undefined })
  expect(await bench.letters.list(of)).toEqual([])
})

test('a redrive has one rate for all: what it would be counted by is refused', async () => {
  const { letters } = await closedBank([])

  await expect(letters.redrive(of, { rate: { limit: 1, per: '1s', by: 'to' } } as never)).rejects.toMatchObject({
    code: 'UNKNOWN_OPTION',
    message: expect.stringContaining('deadLetters.redrive: `rate` has no option "by". Known options: limit, per.'),
  })
})

test('a redrive that takes long lets others look in between, and goes on with those that were there when it began', async () => {
  const bench = await closedBank()
  bench.isOpen = true
  const looks: Promise<readonly DeadMessage[]>[] = []

  const redriving = bench.letters.redrive(of, {
    name: 'payments.paid',
    onProgress: () => {
      bench.lateMs += 600
      looks.push(bench.letters.list(of))
    },
  })
  await bench.publish(new Moved({ id: 'k' }), { id: 'm-1' })
  await bench.runtime.advance('1s')

  expect(await redriving).toBe(5)
  expect((await Promise.all(looks)).map((letters) => letters.length)).toEqual([5, 5, 3, 3, 2])
})

test('R9 letters of one key leave in the order in which they died first, however they stand', async () => {
  const bench = await closedBank([])
  for (const n of [0, 1, 2]) await bench.publish(new Noted({ id: 'k', n }), { id: `n-${n}` })
  await bench.runtime.advance('1s')
  for (const id of ['n-0', 'n-1']) {
    await bench.letters.redrive(of, { ids: [id] })
    await bench.runtime.advance('1s')
  }
  const before = ids(await bench.letters.list(of))
  bench.isOpen = true

  expect(await bench.letters.redrive(of)).toBe(3)
  await bench.runtime.advance('1s')

  expect(before).toEqual(['n-2', 'n-0', 'n-1'])
  expect(bench.taken.map(({ n }) => n)).toEqual([0, 1, 2])
})

test('a redrive whose onProgress throws ends with that, and each letter is in one place', async () => {
  const bench = await closedBank()
  bench.isOpen = true

  const redriving = bench.letters.redrive(of, {
    onProgress: () => {
      throw new Error('no room for a bar')
    },
  })
  const told = await Promise.all([redriving.catch((error: unknown) => error), bench.runtime.advance('1s')])
  const left = ids(await bench.letters.list(of))

  expect(told[0]).toMatchObject({ message: 'no room for a bar' })
  expect(bench.taken.map(({ id }) => id).filter((id) => left.includes(id))).toEqual([])
})

test('a redrive ends between two letters when its signal is aborted', async () => {
  const bench = await closedBank()
  bench.isOpen = true
  const abort = new AbortController()

  const redriving = bench.letters.redrive(of, { rate: { limit: 1, per: '1m' }, signal: abort.signal, onProgress: ({ redriven }) => redriven === 2 && abort.abort() })
  await bench.runtime.advance('10m')

  expect(await redriving).toBe(2)
  expect(ids(await bench.letters.list(of))).toEqual(['p-2', 'p-3', 'p-4', 'm-0'])
  expect(bench.runtime.pending().timers).toBe(0)
})

test('a redrive ends with its app, and each letter is in one place', async () => {
  const bench = await closedBank()
  bench.isOpen = true
  const progress: RedriveProgress[] = []

  const redriving = bench.letters.redrive(of, { rate: { limit: 1, per: '1m' }, onProgress: (p) => progress.push(p) })
  await bench.runtime.advance('90s')
  await Promise.all([bench.stop(), bench.runtime.advance('1s')])

  expect(await redriving).toBe(2)
  expect(progress.at(-1)).toMatchObject({ redriven: 2, stopped: 'aborted' })
  expect(bench.broker.queues().find(({ name }) => name === 'payments.bank.dead')?.waiting).toBe(4)
  expect(bench.runtime.pending().timers).toBe(0)
})

test('R9 an edited dead letter goes to its group under a new id that remembers the old one', async () => {
  const bench = await closedBank()
  bench.isOpen = true

  const first = await bench.letters.edit(of, 'p-2', { payload: { n: 22, to: 'nobody' } })
  await bench.runtime.advance('1s')
  const letter = await bench.letters.show(of, first)
  const second = await bench.letters.edit(of, first, { payload: { n: 23, to: 'bob' } })
  await bench.runtime.advance('1s')

  expect(letter).toMatchObject({ id: first, originId: 'p-2', name: 'payments.paid' })
  expect(bench.taken).toMatchObject([{ n: 23, to: 'bob', id: second, attempt: 1, headers: {} }])
  expect(new Set(['p-2', first, second]).size).toBe(3)
  expect(ids(await bench.letters.list(of))).toEqual(['p-0', 'p-1', 'p-3', 'p-4', 'm-0'])
})

test('an edit that does not fit the schema changes nothing', async () => {
  const { letters } = await closedBank()

  await expect(letters.edit(of, 'p-2', { payload: { n: 'many' } })).rejects.toMatchObject({ code: 'INVALID_MESSAGE' })
  await expect(letters.edit(of, 'p-9', { payload: {} })).rejects.toMatchObject({ code: 'NO_DEAD_LETTER' })
  expect(await letters.list(of)).toHaveLength(6)
})

test.each([
  [{}, '`payload` and `body` says what the letter is to carry; found neither'],
  [{ payload: undefined }, 'found neither'],
  [{ payload: { n: 2, to: 'bob' }, body: new Uint8Array() }, 'found both'],
  [{ body: '{"n":2}' }, '`body` is bytes'],
])('an edit to %o is refused before a letter is touched', async (change, message) => {
  const { letters, lines } = await closedBank()
  const before = ids(await letters.list(of))
  const told = lines.length

  await expect(letters.edit(of, 'p-2', change as never)).rejects.toMatchObject({ code: 'DEAD_LETTER_OPTION', message: expect.stringContaining(message) })
  expect(ids(await letters.list(of))).toEqual(before)
  expect(lines).toHaveLength(told)
})

test.each([undefined, null, 'payments', {}, { channel: 'payments' }])('dead letters of %o are those of nobody, and that is said', async (group) => {
  const { letters } = await closedBank()
  const nobody = { code: 'UNKNOWN_GROUP', message: expect.stringContaining('{ channel, group }') }

  await expect(letters.list(group as never)).rejects.toMatchObject(nobody)
  await expect(letters.redrive(group as never)).rejects.toMatchObject(nobody)
  await expect(letters.discard(group as never, { because: 'a test' })).rejects.toMatchObject(nobody)
})

test.each([undefined, 5, ''])('a letter is asked for by its id, and not by %o', async (id) => {
  const { letters } = await closedBank()

  await expect(letters.show(of, id as never)).rejects.toMatchObject({ code: 'DEAD_LETTER_OPTION' })
  await expect(letters.edit(of, id as never, { body: new Uint8Array() })).rejects.toMatchObject({ code: 'DEAD_LETTER_OPTION' })
})

test('letters of one message are discarded, and the log says why', async () => {
  const { letters, lines } = await closedBank()

  expect(await letters.discard(of, { name: 'payments.moved', because: 'moved by hand' })).toBe(1)
  expect(await letters.list(of)).toHaveLength(5)
  expect(lines.filter((line) => line.includes('discarded'))).toEqual(['A dead letter of group "bank" was discarded: moved by hand (m-0)'])
})

test('a rate that is none is refused before a letter is touched', async () => {
  const { letters } = await closedBank()

  await expect(letters.redrive(of, { rate: { limit: 0, per: '1s' } })).rejects.toMatchObject({ code: 'RATE' })
  expect(await letters.list(of)).toHaveLength(6)
})

const everything = ['p-0', 'p-1', 'p-2', 'p-3', 'p-4', 'm-0']

test.each([
  [{ id: 'p-0' }, 'UNKNOWN_OPTION', 'has no option "id". Did you mean "ids"?'],
  [{ nam: 'payments.paid' }, 'UNKNOWN_OPTION', 'Did you mean "name"?'],
  [{ ids: undefined }, 'DEAD_LETTER_OPTION', '`ids` is a list of ids'],
  [{ ids: 'p-0' }, 'DEAD_LETTER_OPTION', 'found "p-0"'],
  [{ ids: [1] }, 'DEAD_LETTER_OPTION', '`ids` is a list of ids'],
  [{ ids: [] }, 'DEAD_LETTER_OPTION', 'found an empty list, which none could be of. Leave it out for those of any id'],
  [{ reason: undefined }, 'DEAD_LETTER_OPTION', '`reason` is a text that is not empty; found undefined'],
  [{ name: '' }, 'DEAD_LETTER_OPTION', '`name` is a text that is not empty; found ""'],
  [{ key: undefined }, 'DEAD_LETTER_OPTION', '`key` is a text'],
  [{ limit: -1 }, 'NUMBER', '`limit` is a whole number from 1'],
  ['p-0', 'DEAD_LETTER_OPTION', 'takes an object of options'],
])('the mistyped filter %o of dead letters is refused, and touches none of them', async (filter, code, message) => {
  const { letters, runtime } = await closedBank()
  const because = 'a test'

  await expect(letters.redrive(of, filter as never)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  await expect(letters.discard(of, (typeof filter === 'string' ? filter : { ...filter, because }) as never)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  })
  await expect(letters.list(of, filter as never)).rejects.toMatchObject({ code })
  await runtime.advance('1s')
  expect(ids(await letters.list(of))).toEqual(everything)
})

test.each([[{}], [{ because: '' }], [{ because: ' ' }], [{ because: 5 }], [undefined]])('dead letters are not discarded without a reason: %j', async (which) => {
  const { letters } = await closedBank()

  await expect(letters.discard(of, which as never)).rejects.toMatchObject({ code: 'DEAD_LETTER_OPTION' })
  expect(ids(await letters.list(of))).toEqual(everything)
})

test('all faults of a redrive are told at once', async () => {
  const { letters } = await closedBank()

  const refused = letters.redrive(of, { ids: 'p-0', limit: 0, rate: { limit: 0, per: 'soon' } } as never)

  await expect(refused).rejects.toMatchObject({ faults: [{ code: 'DEAD_LETTER_OPTION' }, { code: 'NUMBER' }, { code: 'RATE' }] })
})
