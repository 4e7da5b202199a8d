import { describe, expect, test } from 'vitest'
import { bed, channelOf, depth, listen, message, send, soon } from './bed.js'

const some = (count: number) => Array.from({ length: count }, (_, n) => message(String(n)))

describe('consuming from RabbitMQ', () => {
  const broker = bed()

  test('what one read of the socket brings is handed over together', async () => {
    const party = await broker.party(broker.namespace())
    await send(party, ...some(200))

    const inbox = await listen(party, { window: 200 })
    await soon(() => inbox.got.length === 200)

    expect(inbox.batches.length).toBeLessThan(100)
  })

  test('C12 with a hundred thousand bytes and more waiting, no more than the window is in hand, over all queues', async () => {
    const party = await broker.party(broker.namespace(), [channelOf('orders', { keyed: true, partitions: 4 })])
    await send(party, ...some(100), ...Array.from({ length: 100 }, (_, n) => message(String(n), { key: String(n) })))

    const inbox = await listen(party, { window: 3, hold: true })
    await soon(() => inbox.got.length === 3)
    for (let n = 0; n < 50; n++) {
      inbox.got[n]?.settle('ack')
      await soon(() => inbox.got.length === n + 4)
      expect(inbox.consumer.health().unsettled).toBe(3)
    }
  })

  test('acknowledged in any order, exactly the acknowledged ones are gone', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    await send(party, ...some(45))
    const inbox = await listen(party, { hold: true })
    await soon(() => inbox.got.length === 45)

    for (const [index, delivery] of [...inbox.got.entries()].reverse()) if (index % 3 !== 0) delivery.settle('ack')
    await inbox.consumer.stop()
    const again = await listen(party)
    await soon(() => again.got.length === 15)

    expect(again.texts().map(Number)).toEqual(Array.from({ length: 15 }, (_, n) => n * 3))
    expect(again.got.every(({ redelivered }) => redelivered)).toBe(true)
    await soon(async () => (await depth(broker.connection, `${namespace}.orders.billing`)).messages === 0)
  })

  test('C5 C6 what is settled after its channel was lost is dropped and counted, and the broker delivers it again', async () => {
    const party = await broker.party(broker.namespace())
    const inbox = await listen(party, { hold: true })
    await send(party, ...some(3))
    await soon(() => inbox.got.length === 3)

    broker.proxy.reset()
    await soon(() => inbox.got.length === 6)
    for (const delivery of inbox.got.slice(0, 3)) delivery.settle('ack')

    expect(inbox.got.map(({ isStale }) => isStale)).toEqual([true, true, true, false, false, false])
    expect(inbox.consumer.health()).toMatchObject({ attached: true, lateSettles: 3, unsettled: 3 })
  })

  test('S4 a broker that is away for a while is tried until it is back, and the consumer is attached again', async () => {
    const party = await broker.party(broker.namespace())
    const inbox = await listen(party)

    broker.proxy.refuse()
    broker.proxy.reset()
    await soon(() => party.states.filter(({ kind }) => kind === 'lost').length >= 8)
    expect(inbox.consumer.health()).toMatchObject({ attached: false, reason: expect.stringContaining('queue "') })
    await broker.proxy.heal()
    await soon(() => party.transport.writable && inbox.consumer.health().attached, { within: 10_000 })
    await send(party, message('after'))

    await soon(() => inbox.texts().includes('after'))
  })

  test('a queue that was deleted is made again, and its consumer with it', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    const inbox = await listen(party)

    await broker.channel.deleteQueue(`${namespace}.orders.billing`)
    await soon(() => !inbox.consumer.health().attached)
    await soon(() => inbox.consumer.health().attached)
    await send(party, message('after'))

    await soon(() => inbox.texts().includes('after'))
  })

  test('S6 one queue that cannot be recovered is named, and leaves the other alone', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace, [channelOf('orders', { keyed: true })])
    const inbox = await listen(party)
    const lost = `${namespace}.orders.billing.keyed.0`

    const squatter = await broker.connection.createChannel()
    await squatter.deleteQueue(lost)
    await squatter.assertQueue(lost, { exclusive: false, durable: false, autoDelete: false })
    await soon(() => (inbox.consumer.health().reason ?? '').includes(`queue "${lost}"`))
    await send(party, message('unkeyed'))
    await soon(() => inbox.texts().includes('unkeyed'))
    await squatter.deleteQueue(lost)
    await squatter.close()

    await soon(() => inbox.consumer.health().attached, { within: 15_000 })
    await send(party, message('keyed', { key: 'a' }))
    await soon(() => inbox.texts().includes('keyed'))
  })

  test('a foreign message is named by its properties', async () => {
    const namespace = broker.namespace()
    const party = await broker.party(namespace)
    const inbox = await listen(party)

    broker.channel.publish(`${namespace}.orders`, 'order.placed', Buffer.from('{}'), { messageId: 'm-1', headers: { __TypeId__: 'com.shop.OrderPlaced' } })
    await soon(() => inbox.got.length === 1)

    expect(inbox.got[0]?.envelope).toMatchObject({ id: 'm-1', type: 'com.shop.OrderPlaced', subject: undefined })
  })

  test('a connection that dies again and again before anything is acknowledged gets its messages one by one, and says so', async () => {
    const party = await broker.party(broker.namespace())
    await send(party, ...some(20))
    const inbox = await listen(party, { hold: true })

    for (let round = 1; round <= 3; round++) {
      await soon(() => inbox.got.length === round * 20)
      broker.proxy.reset()
    }
    await soon(() => inbox.got.length === 61 && inbox.consumer.health().attached, { within: 10_000 })
    expect(party.lines.filter((line) => line.includes('one by one'))).toEqual([expect.stringContaining('orders.billing" was lost 3 times')])
    expect(inbox.consumer.health().unsettled).toBe(1)
    inbox.got[60]?.settle('ack')

    await soon(() => inbox.got.length === 80)
  })

  test('a connection that is lost is told by its state, and not once more for each queue', async () => {
    const party = await broker.party(broker.namespace(), [channelOf('orders', { keyed: true, partitions: 4 })])
    const inbox = await listen(party)
    broker.proxy.reset()

    await soon(() => party.states.some(({ kind }) => kind === 'lost'))
    await soon(() => inbox.consumer.health().attached)

    expect(party.warnings).toEqual([])
  })

  test('closing within the deadline ends while the link carries nothing', async () => {
    const party = await broker.party(broker.namespace())
    await listen(party)
    broker.proxy.blackHole()
    const outcomes = send(party, message('stuck'))

    await party.transport.close(300)
    await broker.proxy.heal()

    expect(await outcomes).toMatchObject([{ kind: 'unknown' }])
  })
})
