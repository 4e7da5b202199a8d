import { history, seededRandom } from '@waybill/testing'
import { expect, test } from 'vitest'
import { bed, channelOf, soon } from '../transport-rabbitmq/bed.js'
import { loadOn, worker } from '../transport-rabbitmq/load.js'

const channels = [channelOf('orders', { keyed: true, partitions: 4 })]

/** A network that breaks under load, again and again for so long. */
export function resets(lastsMs: number): void {
  const broker = bed()

  test(
    'P2 P12 I1 I4 I6 with resets every one to three seconds nothing is lost, nothing comes from nowhere, and every key keeps its order',
    async () => {
      const namespace = broker.namespace()
      const random = seededRandom('resets')
      const seen = history()
      const publisher = await broker.party(namespace, channels)
      const workers = await Promise.all([1, 2].map(async () => worker(await broker.party(namespace, channels), seen)))
      const load = loadOn(publisher, seen)
      load.start()

      let resets = 0
      for (const end = performance.now() + lastsMs; performance.now() < end; resets++) {
        const due = performance.now() + 1_000 + random.next() * 2_000
        await soon(() => performance.now() >= due, { within: 5_000 })
        broker.proxy.reset()
      }
      await load.stop()
      await soon(() => workers.every(({ consumer }) => consumer.health().attached) && publisher.transport.writable, { within: 40_000 })
      await soon(() => seen.check({ groups: ['billing'] }).lost.length === 0, { within: 20_000 })

      const verdict = seen.check({ groups: ['billing'] })
      expect(resets).toBeGreaterThan(2)
      expect(verdict.confirmed).toBeGreaterThan(500)
      expect(verdict, verdict.describe()).toMatchObject({ lost: [], reordered: [], unexpected: [], contradicted: [], unsettled: [] })
    },
    lastsMs + 90_000,
  )
}
