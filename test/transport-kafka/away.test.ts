import { afterEach, describe, expect, test } from 'vitest'
import { type ClientSockets, clientSockets } from '../contract/client-sockets.js'
import { bed, brokers, channelOf, drivers, eventually, listen, message, send } from './bed.js'

describe('a broker that was away', () => {
  const { admin, channel, party } = bed()
  const watched: ClientSockets[] = []
  afterEach(() => watched.splice(0).forEach((sockets) => sockets.release()))

  test.each(drivers)(
    'has the old membership ended before its group is joined anew, whose session lasts much longer, through %s',
    async (_, options) => {
      const sockets = clientSockets(brokers.map((broker) => Number(broker.split(':').at(-1))))
      watched.push(sockets)
      const name = channel()
      const one = await party([channelOf(name)], { options: { ...options, sessionTimeout: '60s' } })
      const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
      await send(one.transport, [message(name, 'before')])
      await eventually(() => inbox.received.length === 1)
      await eventually(async () => (await committed(name)) === 1)

      sockets.refuse()
      const lost = (): number => one.states.filter(({ kind, purpose }) => kind === 'lost' && purpose.startsWith('consuming')).length
      await eventually(() => lost() >= 3, lost, 40_000)
      sockets.accept()
      await eventually(() => one.transport.writable)
      const since = performance.now()
      await eventually(() => inbox.consumer.health().attached)
      await send(one.transport, [message(name, 'behind')])
      await eventually(() => inbox.received.length === 2)

      expect(performance.now() - since).toBeLessThan(15_000)
      expect(inbox.texts()).toEqual(['before', 'behind'])
    },
    90_000,
  )

  test.each(drivers)('P2 is sent what found no connection to it, when there is one again, through %s', async (_, options) => {
    const sockets = clientSockets(brokers.map((broker) => Number(broker.split(':').at(-1))))
    watched.push(sockets)
    const name = channel()
    const one = await party([channelOf(name)], { options })
    await send(one.transport, [message(name, 'before')])

    sockets.refuse()
    await eventually(() => sockets.count === 0)
    const { writable } = one.transport
    const sending = send(one.transport, [message(name, 'meanwhile')])
    await eventually(() => one.states.some(({ kind }) => kind === 'lost'))
    sockets.accept()
    const outcomes = await sending
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await eventually(() => inbox.received.length === 2)

    expect([writable, outcomes]).toEqual([true, [{ kind: 'confirmed' }]])
    expect(inbox.texts()).toEqual(['before', 'meanwhile'])
  })

  async function committed(name: string): Promise<number> {
    const [found] = await admin.fetchOffsets({ groupId: `${name}.billing`, topics: [name] })

    return Number(found?.partitions[0]?.offset)
  }
})
