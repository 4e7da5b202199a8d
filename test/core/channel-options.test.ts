import { Event } from '@waybill/core'
import { memoryBroker } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startApp } from './on-memory.js'

class News extends Event('news.told', { payload: z.object({ n: z.number() }) }) {}

test('what the app says about a channel holds for a message that no service declares, too', async () => {
  const broker = memoryBroker()
  broker.exchange('theirs', 'fanout')
  broker.queue('inbox')
  broker.bind('inbox', 'theirs', '')
  const { app } = await startApp({ services: [], broker, channels: { news: { existing: { exchange: 'theirs' } } } })

  await app.publish(new News({ n: 1 }))

  expect(broker.queues().find(({ name }) => name === 'inbox')).toMatchObject({ waiting: 1 })
})

test('an option that the transport cannot honour is refused for such a message before it is sent', async () => {
  const { app } = await startApp({ services: [], channels: { news: { log: { replication: 3 } } } })

  await expect(app.publish(new News({ n: 1 }))).rejects.toThrow('"log"')
})
