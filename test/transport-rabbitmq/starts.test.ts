import { randomUUID } from 'node:crypto'
import type { RawDelivery, Starts } from '@waybill/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bed, billing, depth, listen, message, type Party, send, soon } from './bed.js'

describe('starts on RabbitMQ', () => {
  const broker = bed()

  test('a note stands in a queue beside the group for what began and did not end, and one alone, however often it began', async () => {
    const namespace = broker.namespace()
    const [one, other] = await deliveries(await broker.party(namespace), 2)
    const begun: number[] = []

    for (let life = 0; life < 4; life++) begun.push(await startsOf(await broker.party(namespace)).begin(billing, one))
    const last = startsOf(await broker.party(namespace))
    await last.begin(billing, other)
    await last.ended(billing, other, 0)

    expect(begun).toEqual([0, 1, 2, 3])
    await soon(async () => (await depth(broker.connection, notesIn(namespace))).messages === 1)
  })

  test('a note that another process looks at in that moment is taken away all the same', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    const [one] = await deliveries(party, 1)
    await startsOf(party).begin(billing, one)
    const looking = await broker.channel.get(notesIn(namespace))
    if (!looking) throw new Error('There is no note to look at.')

    const since = performance.now()
    const told = startsOf(party).ended(billing, one, 0)
    await soon(() => performance.now() - since > 200)
    broker.channel.nack(looking)
    await told

    expect(await startsOf(await broker.party(namespace)).begin(billing, one)).toBe(0)
  })

  test('a message without an id, and one with an id of any length and script, begin', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    const [one] = await deliveries(party, 1)
    const named = (id: unknown): RawDelivery => Object.assign(Object.create(one) as RawDelivery, { envelope: { ...one.envelope, id } })

    expect(await startsOf(party).begin(billing, named(undefined))).toBe(0)
    for (const id of ['', 'é'.repeat(255), '消息']) {
      expect(await startsOf(party).begin(billing, named(id))).toBe(0)
      expect(await startsOf(await broker.party(namespace)).begin(billing, named(id))).toBe(1)
    }
  })

  test('where the queue of notes cannot be used every start is the first, and the log says so once', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    const [one] = await deliveries(party, 1)
    await broker.channel.assertQueue(notesIn(namespace), { durable: true, arguments: { 'x-queue-type': 'classic' } })
    onTestFinished(async () => void (await broker.channel.deleteQueue(notesIn(namespace))))

    for (let life = 0; life < 3; life++) {
      expect(await startsOf(party).begin(billing, one)).toBe(0)
      await startsOf(party).ended(billing, one, 1)
    }

    expect(party.lines.filter((line) => line.includes('Starts cannot be counted'))).toEqual([expect.stringContaining(`"${notesIn(namespace)}"`)])
  })

  test('what ended while the broker was away has ended', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    const [one] = await deliveries(party, 1)
    await startsOf(party).begin(billing, one)

    broker.proxy.refuse()
    broker.proxy.reset()
    const told = startsOf(party).ended(billing, one, 0)
    await broker.proxy.heal()
    await told

    expect(await startsOf(await broker.party(namespace)).begin(billing, one)).toBe(0)
  })

  async function deliveries(party: Party, count: number): Promise<[RawDelivery, RawDelivery]> {
    const inbox = await listen(party, { hold: true })
    await send(party, ...Array.from({ length: count }, () => message('x', { id: randomUUID() })))
    await soon(() => inbox.got.length === count)

    return inbox.got as [RawDelivery, RawDelivery]
  }
})

function startsOf({ transport }: Party): Starts {
  if (!transport.starts) throw new Error('RabbitMQ counts starts.')

  return transport.starts
}

function notesIn(namespace: string): string {
  return `${namespace}.orders.billing.starts`
}
