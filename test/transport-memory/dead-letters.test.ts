import { describe, expect, test } from 'vitest'
import { Bench, message, messages, type Peer } from './bench.js'
import { textOf } from '../setup/seam.js'

const of = { channel: 'orders', group: 'billing' }

async function withLetters(count: number): Promise<Peer> {
  const app = await new Bench().app()
  await app.declare()
  app.publish(...messages(count).map((each) => ({ ...each, to: { kind: 'dead' as const, ...of } })))

  return app
}

describe('dead letters and replies', () => {
  test('a list leaves dead letters where they are, and settling one of them does nothing', async () => {
    const app = await withLetters(3)

    const letters = await app.transport.dead.list(of, 2)
    for (const letter of letters) letter.settle('ack')

    expect(letters.map(textOf)).toEqual(['0', '1'])
    expect((await app.transport.dead.list(of, 10)).map(textOf)).toEqual(['0', '1', '2'])
  })

  test('taking removes what was decided and keeps the rest in order', async () => {
    const app = await withLetters(5)

    const removed = await app.transport.dead.take(of, 4, (letter) => Promise.resolve(textOf(letter) === '3' ? 'stop' : textOf(letter) === '1' ? 'keep' : 'remove'))

    const left = await app.transport.dead.list(of, 10)
    expect(removed).toBe(2)
    expect(left.map(textOf)).toEqual(['1', '3', '4'])
    expect(left.map((letter) => letter.deliveryCount)).toEqual([0, 0, 0])
  })

  test('two that take at once never decide about the same letter', async () => {
    const app = await withLetters(20)
    const seen: string[] = []
    const decide = (letter: Parameters<typeof textOf>[0]): Promise<'remove'> => {
      seen.push(textOf(letter))

      return Promise.resolve('remove')
    }

    const removed = await Promise.all([app.transport.dead.take(of, 10, decide), app.transport.dead.take(of, 20, decide)])

    expect(removed).toEqual([10, 10])
    expect(new Set(seen).size).toBe(20)
  })

  test('a decision that fails keeps its letter and those behind it', async () => {
    const app = await withLetters(3)

    const taken = app.transport.dead.take(of, 10, (letter) => (textOf(letter) === '1' ? Promise.reject(new Error('no')) : Promise.resolve('remove')))

    await expect(taken).rejects.toThrow('no')
    expect((await app.transport.dead.list(of, 10)).map(textOf)).toEqual(['1', '2'])
  })

  test('a connection that is lost while deciding keeps the letter', async () => {
    const app = await withLetters(1)

    const removed = await app.transport.dead.take(of, 10, () => {
      app.bench.broker.disconnect()

      return Promise.resolve('remove')
    })

    expect(removed).toBe(0)
    expect(app.bench.queue('orders.billing.dead').waiting).toBe(1)
  })

  test('a connection that is lost lets go of a letter about which nobody decides any more', async () => {
    const app = await withLetters(2)
    await new Promise<void>((resolve) => {
      void app.transport.dead.take(of, 10, () => {
        resolve()

        return new Promise(() => undefined)
      })
    })
    await app.transport.close(0)
    const other = await app.bench.app()

    expect((await other.transport.dead.list(of, 10)).map(textOf)).toEqual(['0', '1'])
  })

  test('a group that nobody knows is named in the error', async () => {
    const app = await withLetters(0)

    await expect(app.transport.dead.list({ channel: 'orders', group: 'bilng' }, 10)).rejects.toThrow(/"orders\.bilng\.dead"/)
  })

  test('a reply reaches the one that asked, and is done when it was given', async () => {
    const bench = new Bench()
    const [asker, responder] = [await bench.app('shop', { instance: 'i1' }), await bench.app('stock')]
    const replies = await asker.listenToReplies()

    const outcomes = responder.publish(message('42', {}, { kind: 'reply', address: replies.consumer.address ?? '' }))

    expect(replies.consumer.address).toBe('reply.i1')
    expect(outcomes).toEqual(['confirmed'])
    expect(replies.texts).toEqual(['42'])
    expect(replies.consumer.health().unsettled).toBe(0)
  })

  test('a reply to one that is gone is unroutable', async () => {
    const bench = new Bench()
    const [asker, responder] = [await bench.app('shop', { instance: 'i1' }), await bench.app('stock')]
    await asker.listenToReplies()
    await asker.transport.close(1_000)

    const outcomes = responder.publish(message('42', {}, { kind: 'reply', address: 'reply.i1' }))

    expect(outcomes).toEqual(['unroutable'])
    expect(bench.broker.queues()).toEqual([])
  })

  test('B16 a reply address that names a queue of others is rejected', async () => {
    const app = await withLetters(0)

    const outcomes = app.publish(...['orders.billing', 'orders.billing.dead', 'orders', '', 'replyx'].map((address) => message('forged', {}, { kind: 'reply', address })))

    expect(outcomes).toEqual(['rejected', 'rejected', 'rejected', 'rejected', 'rejected'])
    expect(app.bench.queue('orders.billing').waiting).toBe(0)
  })

  test('replies arrive at the same address after the connection was lost', async () => {
    const bench = new Bench()
    const [asker, responder] = [await bench.app('shop', { instance: 'i1' }), await bench.app('stock')]
    const replies = await asker.listenToReplies()

    bench.broker.disconnect('shop')
    const meanwhile = responder.publish(message('lost', {}, { kind: 'reply', address: 'reply.i1' }))
    bench.runtime.advance(100)
    responder.publish(message('again', {}, { kind: 'reply', address: 'reply.i1' }))

    expect(meanwhile).toEqual(['unroutable'])
    expect(replies.texts).toEqual(['again'])
  })
})
