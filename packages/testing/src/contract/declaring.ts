import assert from 'node:assert/strict'
import { type Capabilities, type ChannelOptions, ConfigError } from '@waybill/core'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import { lost, placed, topologyOf } from './layout.js'

export const declaring: readonly Scenario[] = [
  {
    title: 'declaring the same twice, and by two processes at once, is fine',
    async run(bench) {
      const [one, two] = await Promise.all([bench.another(), bench.another()])

      await Promise.all([one.declare(bench.channel, { keyed: true }), two.declare(bench.channel, { keyed: true })])
      await one.declare(bench.channel, { keyed: true })

      const receiver = await two.listen(bench.group())
      await one.send(bench.message({ text: 'once' }))
      await receiver.arrived(1)
      assert.deepEqual(receiver.texts, ['once'])
    },
  },
  {
    title: 'S8 a channel of another shape is refused with what was expected and what was found',
    async run(bench) {
      const peer = await bench.peer()
      const [first, second] = bench.subject.shapes ?? shapesOf(peer.capabilities)
      await peer.declare(bench.channel, { options: first })

      const other = await bench.another()
      const refusal = await other.declare(bench.channel, { options: second, partitions: second.partitions ?? 1 }).then(
        () => undefined,
        (error: unknown) => error,
      )

      assert.ok(refusal instanceof Error, 'The declaration rejects.')
      assert.ok(refusal.message.includes(bench.channel), `The error names the channel: ${refusal.message}`)
      assert.match(refusal.message, /expected/i)
      assert.match(refusal.message, /found|has/i)
      await stillWorks(bench)
    },
  },
  {
    title: 'each option of a channel that the broker cannot honour is told without it, and to who declares it later',
    async run(bench) {
      const { capabilities, transport } = await bench.peer()
      const { options, named } = capabilities.kind === 'log' ? forQueues : forLogs
      const topology = topologyOf(bench.channel, { options })

      const faults = bench.unconnected().transport.check(topology.channels)
      const refusal = await bench.refusal('the declaration rejects', transport.declare(topology))

      assert.deepEqual(
        faults.map(({ code }) => code),
        named.map(() => 'UNSUPPORTED_OPTION'),
      )
      for (const [at, option] of named.entries()) assert.ok(faults[at]?.message.includes(`"${option}" of channel "${bench.channel}"`), faults[at]?.message)
      assert.ok(refusal instanceof ConfigError, `The declaration rejects with a ConfigError; found ${String(refusal)}.`)
      assert.deepEqual(refusal.faults, faults)
      assert.deepEqual(transport.check(topologyOf(bench.channel, {}).channels), [], 'What says nothing has no faults.')
    },
  },
  {
    title: 'a group that is declared later gets what is published from then on',
    async run(bench) {
      const [publisher, later] = [await bench.peer(), await bench.another()]
      await publisher.declare(bench.channel, { groups: [] })
      await publisher.send(bench.message({ text: 'nobody there' }))

      await later.declare(bench.channel)
      const receiver = await later.listen(bench.group())
      const message = bench.message({ text: 'heard' })
      await publisher.send(message)

      assert.equal((await receiver.got(message.envelope.id)).envelope.type, placed)
    },
  },
  {
    title: 'a type that a group takes later is delivered from then on',
    async run(bench) {
      const [old, young] = [await bench.peer(), await bench.another()]
      await old.declare(bench.channel)
      const receiver = await old.listen(bench.group())

      await young.declare(bench.channel, { groups: [{ name: 'billing', types: [placed, lost] }] })
      const message = bench.message({ type: lost })
      await young.send(message)

      await receiver.got(message.envelope.id)
    },
  },
  {
    title: 'what is published before anybody listens waits for its group',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)
      await peer.send(...bench.messages(5))

      const later = await bench.another()
      await later.declare(bench.channel)
      const receiver = await later.listen(bench.group())

      await receiver.arrived(5)
      assert.deepEqual([...receiver.texts].sort(), ['0', '1', '2', '3', '4'])
    },
  },
  {
    title: 'D2 two namespaces on one broker do not see each other',
    async run(bench) {
      const [red, blue] = [await bench.another({ namespace: 'red' }), await bench.another({ namespace: 'blue' })]
      await Promise.all([red.declare(bench.channel), blue.declare(bench.channel)])
      const [reds, blues] = await Promise.all([red.listen(bench.group()), blue.listen(bench.group())])

      await red.send(bench.message({ text: 'red' }))
      await blue.send(bench.message({ text: 'blue' }))
      await red.send(bench.messageTo({ kind: 'dead', ...bench.group() }))

      await Promise.all([reds.arrived(1), blues.arrived(1)])
      assert.deepEqual([reds.texts, blues.texts], [['red'], ['blue']])
      assert.equal((await blue.transport.dead.list(bench.group(), 10)).length, 0)
    },
  },
  {
    title: 'two apps on one broker share their channels and not their groups',
    async run(bench) {
      const [shop, shipping] = [await bench.peer(), await bench.another({ app: `${bench.appName}-shipping` })]
      await shop.declare(bench.channel, { groups: ['billing'] })
      await shipping.declare(bench.channel, { groups: ['parcels'] })
      const [billing, parcels] = await Promise.all([shop.listen(bench.group('billing')), shipping.listen(bench.group('parcels'))])

      await shop.send(bench.message({ text: 'both' }))

      await Promise.all([billing.arrived(1), parcels.arrived(1)])
      assert.deepEqual([billing.texts, parcels.texts], [['both'], ['both']])
    },
  },
]

const forQueues = { options: { queue: { type: 'quorum' }, existing: { exchange: 'theirs' } }, named: ['queue', 'existing.exchange'] } as const
const forLogs = { options: { log: { from: 'last' }, existing: { topic: 'theirs' } }, named: ['log', 'existing.topic'] } as const

/** Two that differ in what no broker changes by itself. */
function shapesOf(capabilities: Capabilities): readonly [ChannelOptions, ChannelOptions] {
  if (capabilities.kind === 'log') return [{ partitions: 2 }, { partitions: 5 }]

  return [{}, { queue: { arguments: { 'x-max-length': 17 } } }]
}

async function stillWorks(bench: Bench): Promise<void> {
  const peer = await bench.peer()
  const receiver = await peer.listen(bench.group())
  await peer.send(bench.message({ text: 'still here' }))
  await receiver.arrived(1)
}
