import { describe, expect, test } from 'vitest'
import { bed, channelOf, createTopic, drivers, eventually, listen, message, send } from './bed.js'

describe('a topic that disappears', () => {
  const { admin, channel, client, party } = bed()

  test.each(drivers)(
    'while its group listens, and is made anew by somebody, is read from its beginning, through %s',
    async (_, options) => {
      const name = channel()
      const one = await party([channelOf(name)], { options })
      const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })
      await send(
        one.transport,
        Array.from({ length: 50 }, (_, i) => message(name, `old ${i}`)),
      )
      await eventually(() => inbox.received.length === 50)

      await admin.deleteTopics({ topics: [name] })
      await createTopic(admin, name).catch(() => undefined)
      const producer = client.producer()
      await producer.connect()
      await producer.send({ topic: name, messages: Array.from({ length: 10 }, (_, i) => ({ value: `new ${i}` })) })
      await producer.disconnect()

      await eventually(
        () => new Set(inbox.texts()).size === 60,
        () => inbox.texts().slice(50),
        40_000,
      )
    },
    60_000,
  )

  test.each(drivers)(
    'and comes back with fewer partitions takes every key again, through %s',
    async (_, options) => {
      const name = channel()
      const one = await party([channelOf(name, [], { partitions: 3 })], { options })
      const keys = Array.from({ length: 12 }, (_, i) => message(name, 'hello', { key: `k${i}` }))
      await send(one.transport, keys)

      await admin.deleteTopics({ topics: [name] })
      await createTopic(admin, name)
      await send(one.transport, keys)

      await eventually(async () => (await send(one.transport, keys)).every(({ kind }) => kind === 'confirmed'))
    },
    60_000,
  )

  test.each(drivers)(
    'while its group listens is made anew by the app, through %s',
    async (_, options) => {
      const name = channel()
      const one = await party([channelOf(name)], { options })
      const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })

      await admin.deleteTopics({ topics: [`${name}.billing.retry.0`, name] })
      await eventually(
        async () => {
          const [outcome] = await send(one.transport, [message(name, 'behind')])

          return outcome?.kind === 'confirmed' && inbox.received.length > 0
        },
        () => inbox.consumer.health(),
        40_000,
      )

      // The broker may have taken a message before it let the old topics go.
      await eventually(async () => (await admin.listTopics()).includes(`${name}.billing.retry.0`))
      expect(inbox.consumer.health().attached).toBe(true)
    },
    60_000,
  )
})
