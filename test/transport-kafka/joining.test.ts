import { listOffsetsV8, metadataV12, ResponseError } from '@platformatic/kafka'
import { type Runtime, systemRuntime } from '@waybill/core'
import { platformatic } from '@waybill/transport-kafka'
import { afterEach, describe, expect, test } from 'vitest'
import { clientSockets } from '../contract/client-sockets.js'
import { bed, brokers, channelOf, drivers, eventually, listen, message, send, strangers } from './bed.js'

/** The library itself, which is made to fail: what it does then is what is tested. */
const { async: ask } = listOffsetsV8.api
const { async: tell } = metadataV12.api
const [listOffsets, version, notLeader] = [2, 8, 6]

describe('a member that joins its group', () => {
  const { channel, client, grow, party } = bed()
  afterEach(() => {
    listOffsetsV8.api.async = ask
    metadataV12.api.async = tell
  })

  test('keeps its membership while a broker does not know yet where a partition begins', async () => {
    const name = channel()
    const one = await party([channelOf(name)], { options: { driver: platformatic() } })
    let refused = 0
    listOffsetsV8.api.async = (...args) => (refused++ < 3 ? Promise.reject(new ResponseError(listOffsets, version, { '/topics/0/partitions/0': notLeader }, {})) : ask(...args))

    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await send(one.transport, [message(name, 'first')])
    await eventually(() => inbox.received.length === 1)

    expect(refused).toBeGreaterThan(3)
    expect(one.states.filter(({ kind }) => kind === 'lost')).toEqual([])
  })

  test.each(drivers)('is refused where the broker allows no such session, and told which option says so, through %s', async (_, options) => {
    const name = channel()
    const one = await party([channelOf(name)], { options: { ...options, sessionTimeout: '100ms' } })

    const refusal: unknown = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 }).catch((error: unknown) => error)

    expect(refusal).toMatchObject({ code: 'GROUP_REFUSED', message: expect.stringContaining('"sessionTimeout"') })
  })

  test.each(drivers)('says why it waits where the group has members that share their partitions otherwise, through %s', async (_, options) => {
    const name = channel()
    const one = await party([channelOf(name)], { options })
    const stranger = client.consumer({ groupId: `${name}.billing` })
    await stranger.connect()
    await stranger.subscribe({ topics: [name] })
    const joined = new Promise((resolve) => void stranger.on(stranger.events.GROUP_JOIN, resolve))
    await stranger.run({ eachMessage: () => Promise.resolve() })
    await joined

    const listening = listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await eventually(() => one.states.some(({ kind, reason }) => kind === 'lost' && reason?.includes('protocol') === true))
    await stranger.disconnect()
    const inbox = await listening

    expect(inbox.consumer.health().attached).toBe(true)
  })

  test('waits as long as it was told for topics that a busy broker is slow to make, through @platformatic/kafka', async () => {
    const name = channel()
    const one = strangers({ driver: platformatic(), awaitTopics: '60s' })
    // A second is as long as a minute.
    const runtime: Runtime = { ...systemRuntime, elapsed: () => systemRuntime.elapsed() * 60 }
    await one.transport.connect({ ...one.host, runtime })
    const since = performance.now()
    metadataV12.api.async = async (...args) => {
      const found = await tell(...args)

      return performance.now() - since > 400 ? found : { ...found, topics: [] }
    }

    await one.transport.declare({ channels: [channelOf(name)], asks: false })
    await one.transport.close(5_000)

    expect(performance.now() - since).toBeGreaterThan(400)
  })

  test('reads partitions that its topic got while it ran, through @platformatic/kafka', async () => {
    const name = channel()
    // What is looked at every few minutes is looked at at once.
    const runtime: Runtime = { ...systemRuntime, after: (ms, work) => systemRuntime.after(ms === 300_000 ? 50 : ms, work) }
    const one = await party([channelOf(name)], { options: { driver: platformatic() }, runtime })
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })

    await grow(name, 2)
    const producer = client.producer()
    await producer.connect()
    await producer.send({ topic: name, messages: [{ partition: 1, value: 'behind' }] })
    await producer.disconnect()
    await eventually(() => inbox.received.length === 1)

    expect(inbox.received[0]?.origin.partition).toBe(1)
    expect(one.states.filter(({ kind }) => kind === 'lost')).toEqual([])
  })

  test('goes on over the connections that it gets anew, though nobody says at first who leads, through @platformatic/kafka', async () => {
    const sockets = clientSockets(brokers.map((broker) => Number(broker.split(':').at(-1))))
    const name = channel()
    const one = await party([channelOf(name)], { options: { driver: platformatic(), sessionTimeout: '30s' } })
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await send(one.transport, [message(name, 'before')])
    await eventually(() => inbox.received.length === 1)

    let isRefused = false
    metadataV12.api.async = (connection, topics, ...rest) => {
      if (isRefused || topics?.length !== 1) return tell(connection, topics, ...rest)
      isRefused = true

      return Promise.reject(new Error('not now'))
    }
    sockets.cut()
    await eventually(() => isRefused && one.transport.writable)
    sockets.release()
    const outcomes = await send(one.transport, [message(name, 'behind')])
    await eventually(() => inbox.received.length === 2)

    expect(outcomes.map(({ kind }) => kind)).toEqual(['confirmed'])
    expect(one.states.filter(({ kind, purpose }) => kind === 'lost' && purpose.startsWith('consuming'))).toEqual([])
  })
})
