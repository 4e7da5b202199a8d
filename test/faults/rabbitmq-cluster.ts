import { history } from '@waybill/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bed, channelOf, type Party, soon } from '../transport-rabbitmq/bed.js'
import { loadOn, worker } from '../transport-rabbitmq/load.js'
import { type OwnCluster, ownCluster } from '../transport-rabbitmq/own-cluster.js'

const channels = [channelOf('orders', { keyed: true, partitions: 2 })]

/** A cluster of three nodes, of which so many are killed one after another, and come back. */
export function deadNodes(count: number): void {
  const broker = bed()
  let cluster: OwnCluster
  beforeAll(async () => {
    cluster = await ownCluster(3)
  }, 180_000)
  afterAll(() => cluster?.close())

  /** Connected to this node first, and to the others where that is away. */
  const partyOn = async (first: number, namespace: string): Promise<Party> => {
    const { nodes } = cluster
    const party = broker.stranger({ url: [...nodes.slice(first), ...nodes.slice(0, first)].map(({ url }) => url) }, namespace)
    await party.transport.connect(party.host)
    await party.transport.declare({ channels, asks: false })

    return party
  }

  test(`P2 P12 I1 I4 of three nodes ${count} killed under load, one after another, and back again: nothing confirmed is lost, no key is inverted, and publishing goes on`, async () => {
    const namespace = broker.namespace()
    const seen = history()
    const publisher = await partyOn(0, namespace)
    const workers = [await worker(await partyOn(1, namespace), seen), await worker(await partyOn(0, namespace), seen)]
    const load = loadOn(publisher, seen)
    const verdict = () => seen.check({ groups: ['billing'] })
    const goesOn = async (): Promise<void> => {
      const before = verdict().confirmed
      await soon(() => expect(verdict().confirmed, publisher.lines.slice(-5).join('\n')).toBeGreaterThan(before + 400), { within: 60_000 })
    }
    load.start()

    for (const node of cluster.nodes.slice(0, count)) {
      await goesOn()
      await node.kill()
      await goesOn()
      await node.start()
      await goesOn()
    }
    await load.stop()
    await soon(() => workers.every(({ consumer }) => consumer.health().attached), { within: 60_000 })
    await soon(() => verdict().lost.length === 0, { within: 60_000 })

    expect(verdict(), verdict().describe()).toMatchObject({ lost: [], reordered: [], unexpected: [], contradicted: [], unsettled: [] })
  }, 300_000)
}
