import { findCoordinatorV4, heartbeatV4, offsetCommitV8, ResponseError, syncGroupV5 } from '@platformatic/kafka'
import { platformatic } from '@waybill/transport-kafka'
import { afterEach, describe, expect, test } from 'vitest'
import { bed, channelOf, eventually, listen, message, send } from './bed.js'

/** The library itself, which is made to wait and to fail: what it does then is what is tested. */
const { async: sync } = syncGroupV5.api
const { async: commit } = offsetCommitV8.api
const { async: beat } = heartbeatV4.api
const { async: find } = findCoordinatorV4.api
const [heartbeat, heartbeatVersion, notCoordinator] = [12, 4, 16]
const options = { driver: platformatic() }

describe('a membership through @platformatic/kafka', () => {
  const { channel, party } = bed()
  afterEach(() => {
    syncGroupV5.api.async = sync
    offsetCommitV8.api.async = commit
    heartbeatV4.api.async = beat
    findCoordinatorV4.api.async = find
  })

  test('K6 commits nothing in a generation that has given it nothing yet', async () => {
    const name = channel()
    const topology = [channelOf(name, ['billing'], { partitions: 2 })]
    const one = await party(topology, { options })
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 }, () => {})
    await send(one.transport, [message(name, 'work')])
    await eventually(() => inbox.received.length === 1)

    const synced: number[] = []
    const committed: number[] = []
    let answer: () => void = () => {}
    syncGroupV5.api.async = async (connection, group, generation, ...rest) => {
      const given = await sync(connection, group, generation, ...rest)
      synced.push(generation)
      await new Promise<void>((resolve) => {
        answer = resolve
      })

      return given
    }
    offsetCommitV8.api.async = (connection, group, generation, ...rest) => {
      committed.push(generation)

      return commit(connection, group, generation, ...rest)
    }
    const other = await party(topology)
    const joining = listen(other, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await eventually(() => synced.length === 1)
    inbox.received[0]?.settle('ack')
    await inbox.consumer.stop()
    answer()
    await joining

    expect(new Set(committed)).toEqual(new Set([(synced[0] ?? 0) - 1]))
  })

  test('goes on at the broker that coordinates its group by now', async () => {
    const name = channel()
    const one = await party([channelOf(name)], { options })
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await send(one.transport, [message(name, 'before')])
    await eventually(() => inbox.received.length === 1)

    const asked: string[] = []
    let isMoved = true
    findCoordinatorV4.api.async = (...args) => {
      asked.push('where')
      isMoved = false

      return find(...args)
    }
    heartbeatV4.api.async = (...args) => {
      if (!isMoved) return beat(...args)
      asked.push('beat')

      return Promise.reject(new ResponseError(heartbeat, heartbeatVersion, { '/': notCoordinator }, {}))
    }
    await eventually(() => asked.length > 0)
    await eventually(() => !isMoved || one.states.some(({ kind }) => kind === 'lost'))
    await send(one.transport, [message(name, 'behind')])
    await eventually(() => inbox.received.length === 2)

    expect(asked).toEqual(['beat', 'where'])
    expect(one.states.filter(({ kind }) => kind === 'lost')).toEqual([])
  })

  test('lasts as long as its session while nobody answers its heartbeats', async () => {
    const name = channel()
    const one = await party([channelOf(name)], { options })
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })

    let missed = 0
    heartbeatV4.api.async = (...args) => (missed++ < 8 ? Promise.reject(new Error('not now')) : beat(...args))
    await eventually(() => missed > 9 || one.states.some(({ kind }) => kind === 'lost'))
    await send(one.transport, [message(name, 'behind')])
    await eventually(() => inbox.received.length === 1)

    expect(one.states.filter(({ kind }) => kind === 'lost')).toEqual([])
  })
})
