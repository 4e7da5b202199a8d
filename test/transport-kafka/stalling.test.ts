import { createRequire } from 'node:module'
import { Connection } from '@platformatic/kafka'
import { type KafkaOptions, platformatic } from '@waybill/transport-kafka'
import { afterEach, describe, expect, test } from 'vitest'
import { bed, channelOf, eventually, listen, message, send } from './bed.js'

type Fetch = (request: unknown) => Promise<unknown>

/** The drivers themselves, which are made to fail: what they do then is what is tested. */
const kafkajs: { prototype: { fetch: Fetch } } = createRequire(import.meta.resolve('@waybill/transport-kafka'))('kafkajs/src/broker')
const { fetch } = kafkajs.prototype
const { send: ask } = Connection.prototype
const fetchKey = 1

/** From now on no fetch is answered, and each is told. */
const hangs: readonly (readonly [string, Partial<KafkaOptions>, (tell: () => void) => void])[] = [
  [
    'kafkajs',
    {},
    (tell) => {
      kafkajs.prototype.fetch = () => {
        tell()

        return new Promise(() => {})
      }
    },
  ],
  [
    '@platformatic/kafka',
    { driver: platformatic() },
    (tell) => {
      Connection.prototype.send = new Proxy(ask, {
        apply: (target, connection: Connection, given: Parameters<typeof ask>) => (given[0] === fetchKey ? tell() : Reflect.apply(target, connection, given)),
      })
    },
  ],
]

describe('a driver that fetches nothing', () => {
  const { channel, party } = bed()
  const mend = (): void => {
    kafkajs.prototype.fetch = fetch
    Connection.prototype.send = ask
  }
  afterEach(mend)

  test.each(hangs)('K9 is noticed while records wait, and the group is joined anew, through %s', async (_, options, hang) => {
    const name = channel()
    const one = await party([channelOf(name)], { options: { ...options, stallTimeout: '1s' } })
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await send(one.transport, [message(name, 'before')])
    await eventually(() => inbox.received.length === 1)

    let hung = 0
    hang(() => hung++)
    await eventually(() => hung > 0)
    await send(one.transport, [message(name, 'after')])
    await eventually(() => one.states.some(({ kind, reason }) => kind === 'lost' && reason?.includes('records that are not fetched: 1')))
    mend()

    await eventually(() => inbox.texts().includes('after'))
    expect(inbox.consumer.health()).toMatchObject({
      attached: true,
      restarted: { times: 1, at: expect.any(String), reason: expect.stringContaining('records that are not fetched: 1') },
    })
  })
})
