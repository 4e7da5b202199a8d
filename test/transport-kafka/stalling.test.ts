import { createRequire } from 'node:module'
import { afterEach, describe, expect, test } from 'vitest'
import { bed, channelOf, eventually, listen, message, send } from './bed.js'

type Fetch = (request: unknown) => Promise<unknown>

/** The driver itself, which is made to fail: what it does then is what is tested. */
const driver: { prototype: { fetch: Fetch } } = createRequire(import.meta.resolve('@waybill/transport-kafka'))('kafkajs/src/broker')
const fetch = driver.prototype.fetch

describe('a driver that fetches nothing', () => {
  const { channel, party } = bed()
  afterEach(() => {
    driver.prototype.fetch = fetch
  })

  test('K9 is noticed while records wait, and the group is joined anew', async () => {
    const name = channel()
    const one = await party([channelOf(name)], { options: { stallTimeout: '1s' } })
    const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
    await send(one.transport, [message(name, 'before')])
    await eventually(() => inbox.received.length === 1)

    let hung = 0
    driver.prototype.fetch = () => {
      hung++

      return new Promise(() => {})
    }
    await eventually(() => hung > 0)
    await send(one.transport, [message(name, 'after')])
    await eventually(() => one.states.some(({ kind, reason }) => kind === 'lost' && reason?.includes('records that are not fetched: 1')))
    driver.prototype.fetch = fetch

    await eventually(() => inbox.texts().includes('after'))
    expect(inbox.consumer.health().attached).toBe(true)
  })
})
