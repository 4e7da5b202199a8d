import { afterAll, beforeAll, test } from 'vitest'
import { bed, message, send, soon } from '../transport-rabbitmq/bed.js'
import { type OwnNode, ownNode } from '../transport-rabbitmq/own-node.js'

/** A broker that is restarted so many times, by turns stopped and killed. */
export function restarts(count: number): void {
  const broker = bed()
  let node: OwnNode
  beforeAll(async () => {
    node = await ownNode()
  }, 90_000)
  afterAll(() => node?.close())

  test(
    `S10 S11 after each of ${count} restarts of the broker all of fifty listeners are attached again`,
    async () => {
      const types = ['order.placed']
      const groups = Array.from({ length: 50 }, (_, n) => ({ name: `group-${n}`, types, keyed: false, partitions: 1 }))
      const channels = [{ name: 'orders', messages: [{ name: 'order.placed', keyed: false }], groups, options: {} }]
      const party = broker.stranger({ url: node.url }, broker.namespace())
      await party.transport.connect(party.host)
      await party.transport.declare({ channels, asks: false })
      const heard = new Map<string, number>()
      const take = (group: string) =>
        party.transport.subscribe({ kind: 'group', channel: 'orders', group, window: 5 }, (deliveries) => {
          heard.set(group, (heard.get(group) ?? 0) + deliveries.length)
          for (const delivery of deliveries) delivery.settle('ack')
        })
      const consumers = await Promise.all(groups.map(({ name }) => take(name)))

      for (let round = 1; round <= count; round++) {
        await (round % 2 === 0 ? node.kill() : node.stop())
        await soon(() => consumers.every((consumer) => !consumer.health().attached))
        await node.start()
        await soon(() => consumers.every((consumer) => consumer.health().attached) && party.transport.writable, { within: 40_000 })
        await send(party, message(String(round)))
        await soon(() => groups.every(({ name }) => (heard.get(name) ?? 0) >= round))
      }
    },
    60_000 + count * 30_000,
  )
}
