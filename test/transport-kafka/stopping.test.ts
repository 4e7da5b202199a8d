import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { createApp, Event, Listener, Query, Service } from '@waybill/core'
import { kafka } from '@waybill/transport-kafka'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type ClientSockets, clientSockets } from '../contract/client-sockets.js'
import { bed, brokers, channelOf, drivers, eventually, listen } from './bed.js'

class OrderMoved extends Event('order.moved', { channel: 'orders', key: 'orderId', payload: z.object({ orderId: z.string() }) }) {}
class PriceAsked extends Query('price.asked', { channel: 'prices', payload: z.object({}), reply: z.object({ price: z.number() }) }) {}

describe('a stop at any moment', () => {
  const { admin, channel, party } = bed()
  const watched: ClientSockets[] = []
  afterEach(() => watched.splice(0).forEach((sockets) => sockets.release()))

  test.each(drivers)('a subscription that is begun when the transport closes is refused, and joins nothing, through %s', async (_, options) => {
    const name = channel()
    const one = await party([channelOf(name, ['billing'], { log: { from: 'last' } })], { options, asks: true, app: name })
    const refusal = async (subscription: Parameters<typeof listen>[1]): Promise<unknown> => listen(one, subscription).catch((error: unknown) => error)

    const refused = [refusal({ kind: 'group', channel: name, group: 'billing', window: 1 }), refusal({ kind: 'replies' })]
    await one.transport.close(5_000)

    expect(await Promise.all(refused)).toMatchObject([{ code: 'TRANSPORT_CLOSED' }, { code: 'TRANSPORT_CLOSED' }])
    expect(await membersOf(name)).toEqual([])
  })

  test.each(drivers)(
    'an app that is stopped at any moment of its start leaves no connection behind, and no member for longer than its session, through %s',
    async (_, options) => {
      const sockets = clientSockets(brokers.map((broker) => Number(broker.split(':').at(-1))))
      watched.push(sockets)
      const namespace = channel()
      @Service('billing')
      class Billing {
        @Listener(OrderMoved)
        on(): void {}

        @Listener(PriceAsked)
        tell(): { price: number } {
          return { price: 1 }
        }
      }

      for (let turns = 1; turns < 100_000; turns = Math.ceil(turns * 1.5)) {
        const transport = kafka({ brokers, sessionTimeout: '6s', ...options })
        const app = createApp({ name: `stop-${randomUUID().slice(0, 4)}`, namespace, services: [Billing], transport, signals: false, log: false, shutdown: '5s' })
        const started = app.start().catch((error: unknown) => error)
        for (let left = turns; left > 0; left--) await turn()
        await app.stop()
        await started
      }

      await eventually(
        () => sockets.count === 0,
        () => sockets.count,
      )
      // Who is cut off while it joins cannot leave: the broker has not told it yet who it is.
      await eventually(async () => (await membersOf(namespace)).length === 0, undefined, 30_000)
    },
    120_000,
  )

  async function membersOf(prefix: string): Promise<readonly string[]> {
    const { groups } = await admin.listGroups()
    const own = groups.map(({ groupId }) => groupId).filter((groupId) => groupId.startsWith(prefix))
    const { groups: described } = await admin.describeGroups(own)

    return described.flatMap(({ members }) => members.map(({ clientId }) => clientId))
  }
})
