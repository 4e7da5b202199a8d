import { history } from '@waybill/testing'
import { describe, expect, test } from 'vitest'
import { depth, listen, message, send, soon } from './bed.js'
import { loadOn, worker } from './load.js'
import { movingBed } from './moving-bed.js'
import { cutOffAtEachStep, keyed } from './repartitioning-cuts.js'

describe('keyed groups that are spread over another number of queues', () => {
  const broker = movingBed()
  const { leftIn, mover, partyOf } = broker

  test.each([
    ['direct', 3, 1],
    ['direct', 2, 4],
    ['topic', 1, 2],
  ] as const)(
    'while both versions publish and take, through a %s exchange from %i to %i: nothing is lost, doubled or inverted',
    async (type, before, after) => {
      const namespace = broker.namespace()
      const [old, next] = [keyed(before, { exchange: { type } }), keyed(after, { exchange: { type } })]
      const seen = history()
      const load = loadOn(await partyOf(namespace, old), seen)
      const workers = [await worker(await partyOf(namespace, old), seen), await worker(await partyOf(namespace, old), seen)]
      load.start()
      await soon(() => workers.some((one) => one.recent().length > 0), { within: 15_000 })
      const { difference, migrate, unused } = mover(namespace, next)

      const moved = await migrate()

      const replacement = await worker(await partyOf(namespace, next), seen)
      await soon(() => [...workers, replacement].every(({ consumer, recent }) => consumer.health().attached && recent().length <= after), { within: 15_000 })
      // Who stops gives back what it has in hand, which comes again.
      const { duplicated } = seen.check({ groups: ['billing'] })
      for (const one of workers) await one.consumer.stop()
      await soon(() => replacement.recent().length === after, { within: 15_000 })
      await load.stop()
      await soon(() => seen.check({ groups: ['billing'] }).lost.length === 0, { within: 15_000 })
      const verdict = seen.check({ groups: ['billing'] })
      expect(verdict, verdict.describe()).toMatchObject({ lost: [], reordered: [], unexpected: [] })
      expect(duplicated).toEqual([])
      expect(moved).toEqual([`partitions of queue "${namespace}.orders.billing"`])
      expect([await difference(), await unused(), await leftIn(namespace)]).toEqual([[], [], []])
    },
    60_000,
  )

  test('cut off at each step from 2 to 3 and begun again, with messages flowing, it loses, doubles and inverts nothing', () => cutOffAtEachStep(broker, 2, 3), 180_000)

  test('neither version starts while it is under way, nor the old one afterwards, and each refusal says what to do', async () => {
    const namespace = broker.namespace()
    await partyOf(namespace, keyed(2))
    const refused: unknown[] = []
    const start = async (partitions: number): Promise<void> => void refused.push(await partyOf(namespace, keyed(partitions)).catch((error: unknown) => error))

    await start(3)
    await mover(namespace, keyed(3)).migrate(async ({ step }) => {
      if (step !== 'the entry is made' || refused.length > 1) return
      await start(2)
      await start(3)
    })
    await start(2)

    expect(refused).toMatchObject([
      { code: 'TOPOLOGY_DIFFERS', message: expect.stringMatching(/expected 3, found 2\..*`partitions: 2`, or call `app\.topology\.migrate\(\)`/) },
      { code: 'TOPOLOGY_DIFFERS', message: expect.stringMatching(/from 2 partitions over 3, and this process expects 2.*`app\.topology\.migrate\(\)` is done/) },
      { code: 'TOPOLOGY_DIFFERS', message: expect.stringMatching(/from 2 partitions over 3, and this process expects 3/) },
      { code: 'TOPOLOGY_DIFFERS', message: expect.stringContaining('expected 2, found 3') },
    ])
  })

  test('a process of the old version goes on with the queues that are left, says so once, and makes none of the others again', async () => {
    const namespace = broker.namespace()
    const queue = `${namespace}.orders.billing`
    const old = await partyOf(namespace, keyed(4))
    const inbox = await listen(old)

    await mover(namespace, keyed(2)).migrate()
    await soon(() => old.lines.filter((line) => line.includes('spread over fewer partitions')).length === 2, { within: 15_000 })
    await soon(() => inbox.consumer.health().attached)
    await send(old, ...Array.from({ length: 20 }, (_, n) => message(String(n), { key: `key-${n}` })))
    await soon(() => inbox.got.length === 20)

    expect(old.lines.filter((line) => line.includes('spread over fewer partitions')).sort()).toEqual([2, 3].map((n) => expect.stringContaining(`"${queue}.keyed.${n}"`)))
    await expect(depth(broker.bare, `${queue}.keyed.2`)).rejects.toMatchObject({ code: 404 })
  })

  test('one that was cut off is ended before another number is put into effect', async () => {
    const namespace = broker.namespace()
    const before = await partyOf(namespace, keyed(1))
    const inbox = await listen(before)
    await mover(namespace, keyed(3))
      .migrate(({ step }) => {
        if (step === 'the new number is noted') throw new Error('cut off')
      })
      .catch(() => undefined)
    const { difference, migrate } = mover(namespace, keyed(2))

    await migrate()

    await soon(() => inbox.consumer.health().attached, { within: 15_000 })
    await send(before, message('after', { key: 'a' }))
    const next = await listen(await partyOf(namespace, keyed(2)))
    await soon(() => inbox.got.length + next.got.length === 1)
    expect([await difference(), await leftIn(namespace)]).toEqual([[], []])
  })

  test('ordered messages that nobody takes end it with an error that says so, and it goes on with a listener of the old version', async () => {
    const namespace = broker.namespace()
    const texts = Array.from({ length: 30 }, (_, n) => String(n))
    await send(await partyOf(namespace, keyed(3)), ...texts.map((text) => message(text, { key: 'a' })))
    const { difference, migrate } = mover(namespace, keyed(2))

    const refused = await migrate(() => undefined, 500).catch((error: unknown) => error)
    const inbox = await listen(await partyOf(namespace, keyed(3), { options: { declare: 'none' } }))
    await migrate()

    expect(refused).toMatchObject({ code: 'MIGRATION_STALLED', message: expect.stringContaining('and nobody takes from it') })
    expect(inbox.texts()).toEqual(texts)
    expect(await difference()).toEqual([])
  })

  test('other arguments come with another number, and a move of one queue that was cut off is ended first', async () => {
    const namespace = broker.namespace()
    const inbox = await listen(await partyOf(namespace, keyed(2)))
    const options = { queue: { arguments: { 'x-max-length': 1_000 } } }
    await mover(namespace, keyed(2, options))
      .migrate(({ step, thing }) => {
        if (thing.includes('keyed.1') && step === 'the new queue is made') throw new Error('cut off')
      })
      .catch(() => undefined)
    const { difference, migrate } = mover(namespace, keyed(3, options))

    const moved = await migrate()

    await soon(() => inbox.consumer.health().attached, { within: 15_000 })
    expect(moved).toEqual([`partitions of queue "${namespace}.orders.billing"`, `queue "${namespace}.orders.billing"`])
    expect([await difference(), await leftIn(namespace)]).toEqual([[], []])
  })

  test('what somebody bound by hand comes on, to the first queue', async () => {
    const namespace = broker.namespace()
    const inbox = await listen(await partyOf(namespace, keyed(2)))
    const channel = await broker.bare.createChannel()
    const exchange = `${namespace}-theirs`
    await channel.assertExchange(exchange, 'topic')
    await channel.bindQueue(`${namespace}.orders.billing.keyed.1`, exchange, 'by.#')

    await mover(namespace, keyed(1)).migrate(({ step }) => {
      if (step === 'the waiting queue is made' || step === 'the waiting queue is opened')
        channel.publish(exchange, 'by.hand', Buffer.from(step), { type: 'order.placed', messageId: step })
    })
    channel.publish(exchange, 'by.hand', Buffer.from('afterwards'), { type: 'order.placed', messageId: 'afterwards' })

    await soon(() => inbox.got.length === 3, { within: 15_000 })
    expect(inbox.texts()).toEqual(['the waiting queue is made', 'the waiting queue is opened', 'afterwards'])
    await channel.close()
  })

  test('a queue that nobody has taken from since the last time keeps its order the next time, too', async () => {
    const namespace = broker.namespace()
    const texts = Array.from({ length: 40 }, (_, n) => String(n))
    const publisher = await partyOf(namespace, keyed(1))
    await mover(namespace, keyed(2)).migrate()
    await send(publisher, ...texts.map((text) => message(text, { key: `key-${Number(text) % 4}` })))
    const { migrate } = mover(namespace, keyed(1))

    await migrate(() => undefined, 500).catch(() => undefined)
    await send(publisher, ...texts.map((text) => message(`again ${text}`, { key: `key-${Number(text) % 4}` })))
    const inbox = await listen(await partyOf(namespace, keyed(2), { options: { declare: 'none' } }))
    await migrate()
    await soon(() => inbox.got.length === 80, { within: 15_000 })

    for (const key of [0, 1, 2, 3]) {
      const own = inbox.texts().filter((_, at) => inbox.got[at]?.envelope.subject === `key-${key}`)
      expect(own).toEqual([...texts, ...texts.map((text) => `again ${text}`)].filter((text) => Number(text.split(' ').at(-1)) % 4 === key))
    }
  })
})
