import { type ChannelTopology, type MigrationProgress, type Runtime, systemRuntime } from '@waybill/core'
import { history } from '@waybill/testing'
import { connect } from 'amqplib'
import { describe, expect, test } from 'vitest'
import { channelOf, depth, listen, message, type Party, send, soon } from './bed.js'
import { loadOn, worker } from './load.js'
import { cutter, movingBed, untilMoved } from './moving-bed.js'

const stated = { 'x-max-length': 1_000_000 }
const channels = (parts: { readonly partitions?: number; readonly isNew?: boolean } = {}): ChannelTopology[] => [
  channelOf('orders', { keyed: true, partitions: parts.partitions ?? 1, options: parts.isNew ? { queue: { arguments: stated } } : {} }),
]

describe('queues that are moved to other arguments', () => {
  const broker = movingBed()
  const { apiText, leftIn, mover, partyOf } = broker

  test('while messages flow and consumers take them, ordered queues too: nothing is lost, doubled or inverted', async () => {
    const namespace = broker.namespace()
    const seen = history()
    const load = loadOn(await partyOf(namespace, channels({ partitions: 2 })), seen)
    const workers = [await worker(await partyOf(namespace, channels({ partitions: 2 })), seen), await worker(await partyOf(namespace, channels({ partitions: 2 })), seen)]
    load.start()
    await soon(() => workers.every((one) => one.recent().length > 0), { within: 15_000 })
    const told: MigrationProgress[] = []
    const { difference, migrate } = mover(namespace, channels({ partitions: 2, isNew: true }))

    const moved = await migrate((progress) => told.push(progress))

    await soon(() => workers.every((one) => one.consumer.health().attached), { within: 15_000 })
    await load.stop()
    await soon(() => seen.check({ groups: ['billing'] }).lost.length === 0, { within: 15_000 })
    const verdict = seen.check({ groups: ['billing'] })
    expect(verdict, verdict.describe()).toMatchObject({ lost: [], reordered: [], unexpected: [], duplicated: [] })
    expect(moved).toEqual(['keyed.0', 'keyed.1', ''].map((end) => `queue "${namespace}.orders.billing${end === '' ? '' : `.${end}`}"`))
    expect(told.map(({ step }) => step)).toContain('the inflow turns to the new queue')
    expect(await difference()).toEqual([])
    expect(await leftIn(namespace)).toEqual([])
  }, 90_000)

  test('cut off at each of its steps and begun again, with messages flowing, it loses and inverts nothing', async () => {
    const namespace = broker.namespace()
    const seen = history()
    const load = loadOn(await partyOf(namespace, channels()), seen)
    const first = await worker(await partyOf(namespace, channels()), seen)
    const { difference, migrate } = mover(namespace, channels({ isNew: true }))
    load.start()
    await soon(() => first.recent().length > 0)

    const { reached, told } = cutter()
    await untilMoved(() => migrate(told))

    await soon(() => first.consumer.health().attached, { within: 15_000 })
    await load.stop()
    await soon(() => seen.check({ groups: ['billing'] }).lost.length === 0, { within: 15_000 })
    const verdict = seen.check({ groups: ['billing'] })
    expect(verdict, verdict.describe()).toMatchObject({ lost: [], reordered: [], unexpected: [], duplicated: [] })
    expect(reached.size).toBeGreaterThan(35)
    expect(await difference()).toEqual([])
    expect(await leftIn(namespace)).toEqual([])
  }, 180_000)

  test('what waited is taken, and the move goes on, also where nobody saw the consumer come and leave', async () => {
    const namespace = broker.namespace()
    const publisher = await partyOf(namespace, channels())
    const halting = haltingRuntime()
    const inbox = await listen(await partyOf(namespace, channels(), { runtime: halting.runtime }))
    const texts = Array.from({ length: 10 }, (_, n) => String(n))
    let looks = 0

    await mover(namespace, channels({ isNew: true })).migrate(async ({ step, thing }) => {
      if (!thing.includes('keyed')) return
      if (step === 'the new queue is made') {
        halting.halt()
        await send(publisher, ...texts.map((text) => message(text, { key: 'a' })))
      }
      if (step !== 'what waited is taken' || ++looks !== 2) return
      halting.goOn()
      await soon(() => inbox.got.length === 10 && inbox.consumer.health().reason?.includes('being moved') === true)
    })

    await soon(() => inbox.consumer.health().attached)
    expect(inbox.texts()).toEqual(texts)
  })

  test('a consumer whose queue goes away while it is moved waits for the new one, and does not make the old one again', async () => {
    const namespace = broker.namespace()
    const queue = `${namespace}.orders.billing`
    const inbox = await listen(await partyOf(namespace, [channelOf('orders')]))
    const channel = await broker.bare.createChannel()
    await channel.assertExchange(`waybill.moving.${queue}`, 'fanout')

    await channel.deleteQueue(queue)

    await soon(() => inbox.consumer.health().reason?.includes('being moved') === true)
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'classic' } })
    await channel.deleteExchange(`waybill.moving.${queue}`)
    await soon(() => inbox.consumer.health().attached)
    expect(await depth(broker.bare, queue)).toMatchObject({ consumers: 1 })
    await channel.close()
  })

  test('a process of the old version that starts in between makes the old queue again, and that is moved too', async () => {
    const namespace = broker.namespace()
    await partyOf(namespace, channels())
    const { difference, migrate } = mover(namespace, channels({ isNew: true }))
    let late: Party | undefined

    await migrate(async ({ step }) => {
      if (step === 'the new queue is made') late ??= await partyOf(namespace, channels())
    })

    const inbox = await listen(await partyOf(namespace, channels({ isNew: true })))
    await send(late as Party, message('after', { key: 'a' }))
    await soon(() => inbox.got.length === 1)
    expect(await difference()).toEqual([])
    expect(await leftIn(namespace)).toEqual([])
  })

  test('a move that waits for a consumer of somebody else ends with an error that names it, and goes on once that is gone', async () => {
    const namespace = broker.namespace()
    const queue = `${namespace}.orders.billing`
    await partyOf(namespace, [channelOf('orders')])
    const foreign = await connect(broker.url, { clientProperties: { connection_name: 'night shift' } })
    await (await foreign.createChannel()).consume(queue, () => undefined)
    const { difference, migrate } = mover(namespace, [channelOf('orders', { options: { queue: { arguments: stated } } })])
    // What the HTTP API tells of consumers is some seconds late.
    await soon(async () => (await apiText('consumers')).includes(queue), { within: 15_000 })

    const refused = await migrate(() => undefined, 500).catch((error: unknown) => error)
    await foreign.close()
    await migrate()

    expect(refused).toMatchObject({
      code: 'MIGRATION_STALLED',
      message: expect.stringMatching(new RegExp(`"${queue}" stands still: the old queue runs empty, .*a consumer stays \\("night shift" 127`)),
    })
    expect(await difference()).toEqual([])
    expect(await leftIn(namespace)).toEqual([])
  })

  test('ordered messages that nobody takes end the move with an error that says so, and it goes on with a listener that declares nothing', async () => {
    const namespace = broker.namespace()
    await send(await partyOf(namespace, channels()), message('first', { key: 'a' }), message('second', { key: 'a' }))
    const { difference, migrate } = mover(namespace, channels({ isNew: true }))

    const refused = await migrate(() => undefined, 500).catch((error: unknown) => error)
    const party = await partyOf(namespace, channels(), { options: { declare: 'none' } })
    const inbox = await listen(party)
    await migrate()

    expect(refused).toMatchObject({ code: 'MIGRATION_STALLED', message: expect.stringContaining('and nobody takes from it') })
    expect(inbox.texts()).toEqual(['first', 'second'])
    expect(await difference()).toEqual([])
  })

  test('a queue that nobody takes from is moved with what waits in it, where its messages have no order to keep', async () => {
    const namespace = broker.namespace()
    const plain = (options = {}) => [channelOf('orders', { options })]
    const before = await partyOf(namespace, plain())
    await send(before, ...Array.from({ length: 50 }, (_, n) => message(String(n))))

    await mover(namespace, plain({ queue: { type: 'classic' } })).migrate()

    const inbox = await listen(await partyOf(namespace, plain({ queue: { type: 'classic' } })))
    await soon(() => inbox.got.length === 50)
    expect(inbox.texts().sort()).toEqual(Array.from({ length: 50 }, (_, n) => String(n)).sort())
    expect(inbox.got.every(({ toGroup }) => !toGroup)).toBe(true)
  })

  test('a signpost that somebody else sent costs a moment, and the messages behind it come', async () => {
    const namespace = broker.namespace()
    const party = await partyOf(namespace, channels())
    const inbox = await listen(party)
    const channel = await broker.bare.createChannel()

    channel.sendToQueue(`${namespace}.orders.billing.keyed.0`, Buffer.alloc(0), { type: 'waybill.moving', persistent: true })
    await send(party, message('behind', { key: 'a' }))

    await soon(() => inbox.texts().includes('behind'))
    await soon(() => inbox.consumer.health().attached)
    expect(inbox.texts()).toEqual(['behind'])
    await channel.close()
  })
})

/** The machine's clock, whose timers wait while it is halted. */
function haltingRuntime() {
  let kept: (() => void)[] | undefined
  const runtime: Runtime = {
    ...systemRuntime,
    after: (ms, run) => systemRuntime.after(ms, () => void (kept ? kept.push(run) : run())),
  }

  return {
    runtime,
    halt() {
      kept = []
    },
    goOn() {
      const due = kept ?? []
      kept = undefined
      for (const run of due) run()
    },
  }
}
