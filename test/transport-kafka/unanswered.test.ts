import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { createApp } from '@waybill/core'
import { kafka } from '@waybill/transport-kafka'
import { expect, test } from 'vitest'

test('a start with a deadline names the address of a cluster that accepts and never answers', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined))
  await once(silent.listen(0, '127.0.0.1'), 'listening')
  const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`
  const app = createApp({ name: 'shop', services: [], transport: kafka({ brokers: [address] }), startDeadline: '300ms', signals: false, log: false })

  const error: unknown = await app.start().catch((found: unknown) => found)
  silent.close()

  expect(error).toMatchObject({ code: 'START_DEADLINE', message: expect.stringContaining(address) })
})
