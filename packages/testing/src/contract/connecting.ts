import assert from 'node:assert/strict'
import { within } from './condition.js'
import type { Scenario } from './contract-case.js'

export const connecting: readonly Scenario[] = [
  {
    title: 'connecting tells what the broker can do and that it is connected',
    async run(bench) {
      const peer = bench.unconnected()
      const writableBefore = peer.transport.writable

      await peer.connect()

      assert.equal(writableBefore, false, 'What is not connected is not writable.')
      assert.deepEqual(peer.transport.faults, [])
      assert.match(peer.transport.name, /^[a-z]+$/)
      assert.ok(peer.capabilities.broker.length > 0, 'The capabilities name the broker for people.')
      assert.ok(peer.capabilities.kind === 'queue' || peer.capabilities.kind === 'log')
      assert.match(peer.capabilities.envelopePrefix, /^[A-Za-z_]+$/)
      await peer.eventually(
        'every connection is told to stand',
        () => peer.isEverywhere('connected'),
        () => peer.standing,
      )
      await peer.eventually('the transport is writable', () => peer.transport.writable)
    },
  },
  {
    title: 'closing twice is the same as closing once',
    async run(bench) {
      const peer = await bench.peer()

      await Promise.all([peer.close(), peer.close()])
      await peer.close()

      assert.equal(peer.transport.writable, false)
      assert.ok(peer.isEverywhere('closed'), `Every connection is told to be closed; found ${JSON.stringify(peer.standing)}.`)
    },
  },
  {
    title: 'closing what never connected resolves',
    async run(bench) {
      const peer = bench.unconnected()

      await peer.close()

      assert.equal(peer.transport.writable, false)
    },
  },
  {
    title: 'S2 closing while the broker is away ends the attempt to connect',
    async run(bench) {
      const peer = bench.unconnected()
      await bench.subject.leave()
      const connected = peer.transport.connect(peer.host).then(
        () => 'resolved',
        () => 'rejected',
      )
      await peer.eventually('the first try is told', () => peer.states.length > 0)

      await within('close resolves', 2_000 + bench.patienceMs, peer.transport.close(2_000))

      assert.equal(await within('connect ends', bench.patienceMs, connected), 'rejected')
    },
  },
  {
    title: 'S4 a broker that is away at start is tried until it is there',
    async run(bench) {
      const peer = bench.unconnected()
      await bench.subject.leave()
      const connected = peer.connect()
      await peer.eventually(
        'a failed try is told with its reason',
        () => peer.states.some((state) => state.kind === 'lost' && Boolean(state.reason)),
        () => peer.states,
      )

      await bench.subject.back()
      await connected

      await peer.eventually(
        'every connection is told to stand',
        () => peer.isEverywhere('connected'),
        () => peer.standing,
      )
      await peer.declare(bench.channel)
      await peer.send(bench.message())
    },
  },
  {
    title: 'P12 closing with publishes under way settles each of them once',
    async run(bench) {
      const peer = await bench.peer()
      await peer.declare(bench.channel)
      await peer.eventually('the transport is writable', () => peer.transport.writable)

      const settled = peer.give(bench.messages(200))
      await peer.close()
      const outcomes = await within('200 publishes settle', bench.patienceMs, settled)

      assert.equal(outcomes.filter((outcome) => outcome.kind === 'unroutable').length, 0)
    },
  },
  {
    title: 'after closing, what is published all the same settles as rejected',
    async run(bench) {
      const peer = await bench.peer()
      await peer.close()

      const outcomes = await within('2 publishes settle', bench.patienceMs, peer.give(bench.messages(2)))

      assert.deepEqual(
        outcomes.map((outcome) => outcome.kind),
        ['rejected', 'rejected'],
      )
    },
  },
]
