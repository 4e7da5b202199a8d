import { describe, expect, test } from 'vitest'
import { message, messages } from './bench.js'
import { textOf } from '../setup/seam.js'
import { benchIn, heldBy, leftBehind, newFolder, nextProcess } from './journal-bed.js'

const all = { types: 'all', keyed: false } as const
const letters = { kind: 'dead', channel: 'orders', group: 'billing' } as const

describe('a broker with a folder', () => {
  test('P10 what was confirmed is there in the next process: bytes, headers, order, place and count', async () => {
    const folder = newFolder()
    const app = await benchIn(folder).app()
    await app.declare(all)
    const headers = {
      text: 'ä\ud800',
      number: 1.5,
      none: undefined,
      endless: Number.NEGATIVE_INFINITY,
      big: 12n,
      bytes: Uint8Array.of(0, 255),
      list: ['\0bytes', { deep: [null] }],
      ['__proto__']: 'x',
    }
    const body = Uint8Array.of(0, 1, 254, 255)
    app.publish(message('first', { key: 'k', headers, body, contentEncoding: 'gzip', priority: 3 }), ...messages(3))
    const billing = await app.listen('billing', 2)
    const [first] = billing.received

    const next = benchIn(leftBehind(folder))
    const heir = await next.app()
    await heir.declare(all)
    const found = await heir.listen('billing', 10)
    const [again] = found.received

    expect(found.received.map(({ deliveryCount }) => deliveryCount)).toEqual([1, 1, 0, 0])
    expect(found.texts.slice(1)).toEqual(['0', '1', '2'])
    expect([...(again?.body ?? [])]).toEqual([...body])
    expect(again).toMatchObject({ redelivered: true, contentEncoding: 'gzip', contentType: 'application/json', envelope: first?.envelope, origin: first?.origin })
    expect(again?.headers).toEqual(first?.headers)
    expect('toString' in (again?.headers ?? {})).toBe(false)
  })

  test('what was done is not delivered again, dead letters stay, and a restart of the broker changes nothing', async () => {
    const folder = newFolder()
    const bench = benchIn(folder)
    const app = await bench.app()
    await app.declare(all)
    app.publish(...messages(4), message('dead', {}, letters), message('dead too', {}, letters))
    const billing = await app.listen('billing', 3)
    billing.received[1]?.settle('ack')
    await app.transport.dead.take({ channel: 'orders', group: 'billing' }, 1, async () => 'remove')
    bench.broker.restart()
    bench.runtime.settle()

    const { held } = await nextProcess(leftBehind(folder))

    expect(held).toEqual({ billing: ['0/1', '2/1', '3/0'], dead: ['dead too'] })
  })

  test('a delayed message keeps its time, and one that was due keeps its place', async () => {
    const folder = newFolder()
    const bench = benchIn(folder)
    const app = await bench.app()
    await app.declare(all)
    app.publish(message('late', { delayMs: 60_000 }), message('soon', { delayMs: 1_000 }), message('a'))
    bench.runtime.advance(1_000)
    app.publish(message('b'))

    const { app: heir, held } = await nextProcess(leftBehind(folder))
    const delayed = heir.bench.queue('orders.billing')
    heir.bench.runtime.advance(60_000)
    const later = await heldBy(heir)

    expect(held.billing).toEqual(['a/0', 'soon/0', 'b/0'])
    expect(delayed.delayed).toBe(1)
    expect(later.billing.map((text) => text.split('/')[0])).toEqual(['a', 'soon', 'b', 'late'])
  })

  test('R12 what expires moves to the dead letters once, also where the process ends right after', async () => {
    const folder = newFolder()
    const bench = benchIn(folder)
    const app = await bench.app()
    await app.declare(all)
    app.publish(message('brief', { expiresMs: 10 }), message('stays'))
    bench.runtime.advance(10)
    bench.runtime.settle()

    const { app: heir, held } = await nextProcess(leftBehind(folder))
    const [letter] = await heir.transport.dead.list({ channel: 'orders', group: 'billing' }, 10)

    expect(held).toEqual({ billing: ['stays/0'], dead: ['brief'] })
    expect(letter?.headers['x-first-death-reason']).toBe('expired')
  })

  test('a message that was in hand for the last time it may be is a dead letter in the next process', async () => {
    const folder = newFolder()
    const bench = benchIn(folder)
    const app = await bench.app()
    await app.declare(all)
    app.publish(message('poison'), message('good'))
    const billing = await app.listen('billing', 1)
    for (let n = 0; n < 1_000; n++) {
      billing.received.at(-1)?.settle('return')
      bench.runtime.settle()
    }

    const { held } = await nextProcess(leftBehind(folder))
    const { held: later } = await nextProcess(leftBehind(folder))

    expect(billing.received.at(-1)?.deliveryCount).toBe(1_000)
    expect([held, later]).toEqual([
      { billing: ['good/0'], dead: ['poison'] },
      { billing: ['good/0'], dead: ['poison'] },
    ])
  })

  test('a message for several groups is in each of them, and one is done without the other', async () => {
    const folder = newFolder()
    const app = await benchIn(folder).app()
    await app.declare(all, { ...all, name: 'stock' })
    app.publish(...messages(2))
    const stock = await app.listen('stock')
    for (const delivery of stock.received) delivery.settle('ack')
    app.bench.runtime.settle()

    const { app: heir, held } = await nextProcess(leftBehind(folder))

    expect(held.billing).toEqual(['0/0', '1/0'])
    expect(heir.bench.queue('orders.stock').waiting).toBe(0)
  })

  test('keyed queues, bindings and priorities are there before any app declares them', async () => {
    const folder = newFolder()
    const app = await benchIn(folder).app()
    await app.declare({ partitions: 2 })
    app.publish(message('low', { key: 'a' }), message('high', { key: 'a', priority: 5 }))

    const bench = benchIn(leftBehind(folder))
    const heir = await bench.app()
    const before = bench.broker.queues().map(({ name }) => name)
    heir.publish(message('next', { key: 'a' }))
    await heir.declare({ partitions: 2 })
    const billing = await heir.listen('billing')

    expect(before).toEqual(['orders.billing', 'orders.billing.dead', 'orders.billing.keyed.0', 'orders.billing.keyed.1'])
    expect(billing.texts).toEqual(['high', 'low', 'next'])
  })

  test('a queue of replies ends with its process', async () => {
    const folder = newFolder()
    const app = await benchIn(folder).app()
    await app.declare(all)
    const replies = await app.listenToReplies()
    app.publish(message('answer', {}, { kind: 'reply', address: replies.consumer.address ?? '' }))

    const bench = benchIn(leftBehind(folder))
    await bench.app()

    expect(replies.received.map(textOf)).toEqual(['answer'])
    expect(bench.broker.queues().map(({ name }) => name)).toEqual(['orders.billing', 'orders.billing.dead'])
  })

  test('a publish is not confirmed before it is written, and closing writes what is left', async () => {
    const folder = newFolder()
    const bench = benchIn(folder)
    const app = await bench.app()
    await app.declare(all)
    const outcomes = app.give(...messages(2))
    const early = await nextProcess(leftBehind(folder))
    const told = [...outcomes]
    const billing = await app.listen('billing', 1)
    billing.received[0]?.settle('ack')

    await app.transport.close(1_000)
    await bench.broker.close()
    const { held } = await nextProcess(folder)

    expect([told, early.held.billing]).toEqual([[], []])
    expect(outcomes.map(({ kind }) => kind)).toEqual(['confirmed', 'confirmed'])
    // The second one was given to the consumer when the first was done, and came back unseen.
    expect(held.billing).toEqual(['1/0'])
  })

  test('with sync "always" a confirm waits for the disk, and closing waits for the confirm', async () => {
    const folder = newFolder()
    const bench = benchIn(folder, 'always')
    const app = await bench.app()
    await app.declare(all)

    const outcomes = app.give(...messages(3))
    bench.runtime.settle()
    const atOnce = [...outcomes]
    await app.transport.close(1_000)
    const { held } = await nextProcess(leftBehind(folder))

    expect(atOnce).toEqual([])
    expect(outcomes.map(({ kind }) => kind)).toEqual(['confirmed', 'confirmed', 'confirmed'])
    expect(held.billing).toEqual(['0/0', '1/0', '2/0'])
  })
})
