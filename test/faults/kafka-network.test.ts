import { faultProxy, type FaultProxy } from '@waybill/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { channelOf, drivers, eventually, listen, message, send, strangers } from '../transport-kafka/bed.js'
import { type OwnNodes, ownNodes } from '../transport-kafka/own-nodes.js'
import { kafkaLoad } from './kafka-load.js'

describe('kafka behind a network that breaks', () => {
  let proxy: FaultProxy
  let nodes: OwnNodes
  beforeAll(async () => {
    nodes = await ownNodes({
      front: async (port) => {
        proxy = await faultProxy({ to: { host: '127.0.0.1', port } })

        return proxy.port
      },
    })
  }, 60_000)
  afterAll(async () => {
    await nodes?.close()
    await proxy?.close()
  })

  test.each(drivers)('KP1 a message whose confirm was lost is unknown and stored, and the one behind it too, each once, through %s', async (driver, options) => {
    const name = `kp1-${driver.length}`
    const one = strangers({ brokers: nodes.addresses(), requestTimeout: '1s', ...options })
    await one.transport.connect(one.host)
    await one.transport.declare({ channels: [channelOf(name)], asks: false })
    await send(one.transport, [message(name, 'before')])

    const up = proxy.bytes.up
    proxy.blackHole('down')
    const lost = send(one.transport, [message(name, 'unanswered')])
    await eventually(() => proxy.bytes.up > up + 100)
    const [outcome] = await lost
    await proxy.heal()
    await eventually(() => one.transport.writable)
    const [next] = await send(one.transport, [message(name, 'behind it')])
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await eventually(() => inbox.received.length === 3)
    await one.transport.close(5_000)

    expect([outcome?.kind, next?.kind]).toEqual(['unknown', 'confirmed'])
    expect(inbox.texts()).toEqual(['before', 'unanswered', 'behind it'])
  })

  test.each(drivers)(
    'connections that break again and again under load lose nothing through %s',
    async (_, options) => {
      const load = kafkaLoad({ brokers: nodes.addresses(), options })
      const publisher = await load.publisher()
      await load.listener()

      await load.during(
        publisher,
        breakOften(proxy, () => load.verdict().confirmed),
      )
      await settled(load.verdict)
      const verdict = load.verdict()
      await load.close()

      expect(verdict, verdict.describe()).toMatchObject({ lost: [], unexpected: [], contradicted: [] })
      expect(verdict.confirmed).toBeGreaterThan(100)
    },
    90_000,
  )

  test.each(drivers)(
    'K1 a broker that is killed and started again under load loses nothing that it confirmed through %s',
    async (_, options) => {
      const load = kafkaLoad({ brokers: nodes.addresses(), options })
      const publisher = await load.publisher()
      await load.listener()
      await load.publish(publisher, 200)

      const before = load.verdict().confirmed
      await load.during(publisher, restart(nodes))
      await eventually(
        async () => {
          await load.publish(publisher, 20)

          return load.verdict().confirmed >= before + 100
        },
        () => load.verdict().describe(),
        40_000,
      )
      await settled(load.verdict)
      const verdict = load.verdict()
      await load.close()

      expect(verdict, verdict.describe()).toMatchObject({ lost: [], unexpected: [], contradicted: [] })
    },
    120_000,
  )
})

/** Each time when some more are confirmed. */
async function breakOften(proxy: FaultProxy, confirmed: () => number): Promise<void> {
  for (const fault of ['cut', 'reset', 'cut', 'reset'] as const) {
    const before = confirmed()
    await eventually(() => confirmed() > before + 40, confirmed, 30_000)
    proxy[fault]()
  }
}

async function restart(nodes: OwnNodes): Promise<void> {
  await nodes.kill(0)
  await nodes.start(0)
}

async function settled(verdict: ReturnType<typeof kafkaLoad>['verdict']): Promise<void> {
  await eventually(
    () => verdict().lost.length === 0,
    () => verdict().describe(),
    40_000,
  )
}
