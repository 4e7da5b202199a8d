import { createApp, Listener, type OutboxMessage, Service } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { memoryStore } from '@waybill/store-memory'
import { eventually } from '@waybill/testing'
import { memory } from '@waybill/transport-memory'
import { expect, onTestFinished, test } from 'vitest'
import { collectInto, Told } from './bed.js'

@Service('audience')
class Audience {
  readonly heard: number[] = []

  @Listener(Told, { transaction: false })
  hear({ n }: Told): void {
    this.heard.push(n)
  }
}

const to = { kind: 'channel', channel: 'told' }
const envelope = { id: 'm', type: 'told.told', source: '/test', time: '2026-01-01T00:00:00Z', dataVersion: 1 }

/** As somebody may have left them who changed rows by hand. */
const heads: Readonly<Record<string, unknown>> = {
  'is no JSON': undefined,
  'is a list': [],
  'is empty': {},
  'names no kind of place': { to: {}, envelope, headers: {}, mandatory: false },
  'names an unknown kind of place': { to: { kind: 'moon' }, envelope, headers: {}, mandatory: false },
  'names no channel': { to: { kind: 'channel' }, envelope, headers: {}, mandatory: false },
  'names no group': { to: { kind: 'group', channel: 'told' }, envelope, headers: {}, mandatory: false },
  'names no address': { to: { kind: 'reply' }, envelope, headers: {}, mandatory: false },
  'has no envelope': { to, headers: {}, mandatory: false },
  'has an envelope without an id': { to, envelope: { ...envelope, id: undefined }, headers: {}, mandatory: false },
  'has a key that is no text': { to, envelope: { ...envelope, subject: { a: 1 } }, headers: {}, mandatory: false },
  'has a version that is no number': { to, envelope: { ...envelope, dataVersion: null }, headers: {}, mandatory: false },
  'has a trace that is no text': { to, envelope: { ...envelope, traceparent: [1] }, headers: {}, mandatory: false },
  'has no headers': { to, envelope, mandatory: false },
  'does not say whether somebody must be there': { to, envelope, headers: {} },
  'has a header that is nothing': { to, envelope, headers: { a: null }, mandatory: false },
  'has a content type that is no text': { to, envelope, headers: {}, mandatory: false, contentType: 5 },
  'has a priority that is no number': { to, envelope, headers: {}, mandatory: false, priority: 'high' },
  'has an address for replies that is no text': { to, envelope, headers: {}, mandatory: false, replyTo: {} },
}

test.each(Object.entries(heads))('a row whose head %s is parked and named, and the others are sent', async (_, head) => {
  const store = memoryStore()
  const box = outbox(store)
  const app = createApp({ name: 'test', services: [Audience], signals: false, log: false, transport: memory(), plugins: [box] })
  onTestFinished(() => app.stop())
  await app.start()

  await box.pause()
  await app.transaction(() => app.publish(new Told({ n: 1 })))
  await store.outbox.append([broken(head === undefined ? 'nonsense' : JSON.stringify(head))])
  await app.transaction(() => app.publish(new Told({ n: 2 })))
  await box.resume()
  await eventually(() => app.get(Audience).heard.length === 2)
  await eventually(async () => (await box.status())[0]?.pending === 0)

  const parked = await box.parked()
  expect(parked.map(({ id, code, key }) => [id, code, key])).toEqual([['broken', 'UNREADABLE_ROW', undefined]])
  expect(parked[0]?.reason).toMatch(/^The head of the stored message "broken" is no head of a message: .*Edit or discard it\.$/)
  if (head === undefined) await expect(box.edit('broken', { headers: {} })).rejects.toMatchObject({ code: 'UNREADABLE_ROW', message: expect.stringMatching(/no JSON.*Discard it/) })
  expect(await box.discard({ code: 'UNREADABLE_ROW' }, 'nobody can read it')).toBe(1)
})

function broken(head: string): OutboxMessage {
  return { id: 'broken', shard: 'memory', key: undefined, destination: 'told', head, body: Buffer.from('{}'), expiresAt: undefined }
}

const delayed = { id: 'm', shard: 'memory', destination: 'told', head: '{}', body: '' }

const payloads: Readonly<Record<string, unknown>> = {
  'is no message': 'nonsense',
  'has no id': { ...delayed, id: undefined },
  'has no destination': { ...delayed, destination: undefined },
  'has a key that is no text': { ...delayed, key: {} },
  'has a moment that is no number': { ...delayed, expiresAt: 'soon' },
}

test.each(Object.entries(payloads))('a delayed message that %s waits on and is listed, and the others are sent', async (_, payload) => {
  const store = memoryStore()
  const box = outbox(store)
  const lines: string[] = []
  const app = createApp({ name: 'test', services: [Audience], signals: false, log: collectInto(lines), transport: memory(), plugins: [box] })
  onTestFinished(() => app.stop())
  await app.start()

  const { transaction } = await store.begin({})
  await transaction.commit({ outbox: [], timers: [{ id: 'broken', dueAt: 1, target: 'publish', subject: 'told', payload: Buffer.from(JSON.stringify(payload)) }], replies: [] })
  await app.transaction(() => app.publish(new Told({ n: 1 }), { delay: '1ms' }))
  await eventually(() => app.get(Audience).heard.length === 1)

  expect((await box.timers()).map(({ id }) => id)).toEqual(['broken'])
  expect(lines.filter((line) => line.includes('"broken"'))).toEqual([expect.stringMatching(/is no message: it was changed by hand.*It waits another hour\.$/)])
})
