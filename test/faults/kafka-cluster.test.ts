import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { drivers, eventually } from '../transport-kafka/bed.js'
import { type OwnNodes, ownNodes } from '../transport-kafka/own-nodes.js'
import { kafkaLoad } from './kafka-load.js'

describe.each(drivers)('a cluster of three kafka brokers through %s', (_, options) => {
  let nodes: OwnNodes
  beforeAll(async () => {
    nodes = await ownNodes({ count: 3 })
  }, 90_000)
  afterAll(() => nodes?.close())

  test('one that is killed under load costs no message, and the rest go on', async () => {
    const load = kafkaLoad({ brokers: nodes.addresses(), options })
    const publisher = await load.publisher()
    await load.listener()
    await load.publish(publisher, 200)

    await load.during(publisher, nodes.kill(2))
    const before = load.verdict().confirmed
    await eventually(
      async () => {
        await load.publish(publisher, 40)

        return load.verdict().confirmed >= before + 200
      },
      () => load.verdict().describe(),
      40_000,
    )
    await eventually(
      () => load.verdict().lost.length === 0,
      () => load.verdict().describe(),
      40_000,
    )
    const verdict = load.verdict()

    expect(verdict, verdict.describe()).toMatchObject({ lost: [], unexpected: [], contradicted: [] })

    // Two of three gone: nobody can confirm, and nobody waits longer than the deadline.
    await nodes.kill(1)
    const since = performance.now()
    await load.publish(publisher, 20)
    const tookMs = performance.now() - since
    const { confirmed, unsettled } = load.verdict()

    expect(unsettled).toEqual([])
    expect(confirmed - verdict.confirmed).toBeLessThan(20)
    expect(tookMs).toBeLessThan(8_000)
    await load.close()
  }, 150_000)
})
