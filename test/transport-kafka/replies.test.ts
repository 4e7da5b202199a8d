import { describe, expect, test } from 'vitest'
import { bed, channelOf, eventually, listen, message, send } from './bed.js'

describe('replies on kafka', () => {
  const { admin, channel, party } = bed()

  test('a reply reaches the one that asked, and no other run of the app', async () => {
    const name = channel()
    const topology = [channelOf(name)]
    const [asker, other, answerer] = await Promise.all([party(topology, { asks: true, app: name }), party(topology, { asks: true, app: name }), party(topology)])
    const [mine, others] = await Promise.all([listen(asker, { kind: 'replies' }), listen(other, { kind: 'replies' })])
    const queries = await listen(answerer, { kind: 'group', channel: name, group: 'billing', window: 10 })

    await send(asker.transport, [message(name, 'ping', { replyTo: String(mine.consumer.address) })])
    await eventually(() => queries.received.length === 1)
    await send(answerer.transport, [message({ kind: 'reply', address: String(queries.received[0]?.replyTo) }, 'pong')])
    await eventually(() => mine.received.length === 1)

    expect(mine.texts()).toEqual(['pong'])
    expect(others.received).toEqual([])
    expect(mine.received[0]?.envelope.subject).toBeUndefined()
  })

  test('replies of earlier runs are not read, and the private group is gone after close', async () => {
    const name = channel()
    const one = await party([channelOf(name)], { asks: true, app: name })
    await send(one.transport, [message({ kind: 'reply', address: `${name}.reply#${one.host.instance}` }, 'old')])
    const inbox = await listen(one, { kind: 'replies' })

    await send(one.transport, [message({ kind: 'reply', address: String(inbox.consumer.address) }, 'new')])
    await eventually(() => inbox.received.length === 1)
    await one.transport.close(5_000)

    expect(inbox.texts()).toEqual(['new'])
    expect((await admin.listGroups()).groups.filter(({ groupId }) => groupId.includes(one.host.instance))).toEqual([])
  })
})
