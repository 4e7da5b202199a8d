import { once } from 'node:events'
import { createApp } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { expect, test } from 'vitest'

test('a start that a plugin holds up says so when its deadline is over', async () => {
  const end = new AbortController()
  const slow = { name: 'slow', open: async () => void (await once(end.signal, 'abort')), stop: () => end.abort() }
  const app = createApp({ name: 'test', services: [], signals: false, log: false, transport: memory(), plugins: [slow], startDeadline: '30ms' })

  const late = app.start()

  await expect(late).rejects.toMatchObject({
    code: 'START_DEADLINE',
    message: expect.stringMatching(/has not started after 30ms\. No broker was asked yet: the `open` of a plugin/),
  })
})
