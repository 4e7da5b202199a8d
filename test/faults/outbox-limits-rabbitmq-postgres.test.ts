import { randomUUID } from 'node:crypto'
import { createApp, Event, unchecked } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { memoryStore } from '@waybill/store-memory'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { expect, onTestFinished, test } from 'vitest'
import { removeTopology } from '../contract/rabbit-subject.js'
import { silent } from '../store-postgres/bed.js'

class Filmed extends Event('film.filmed', { channel: 'films', payload: unchecked<{ readonly frames: string }>() }) {}

test('a message over the limit of its broker is refused at its publish in a transaction, although the app allows it, and nothing of it waits in the outbox', async () => {
  const namespace = `limits-${randomUUID().slice(0, 8)}`
  onTestFinished(() => removeTopology([{ namespace, app: 'films', topology: { asks: false, channels: [{ name: 'films', messages: [], groups: [], options: {} }] } }]))
  const box = outbox(memoryStore())
  const transport = rabbitmq({ url: process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672' })
  const app = createApp({ name: 'films', namespace, services: [], transport, plugins: [box], limits: { bodyBytes: 200_000_000 }, signals: false, log: silent })
  onTestFinished(() => app.stop())
  await app.start()
  const film = new Filmed({ frames: 'x'.repeat(134_217_728) })

  const refused = app.transaction(() => app.publish(film))

  await expect(refused).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE', message: expect.stringContaining('the broker of "rabbitmq" takes up to') })
  expect((await box.status()).map(({ pending, parked }) => [pending, parked])).toEqual([[0, 0]])
})
