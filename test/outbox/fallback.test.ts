import { Command, Event, Listener, Service } from '@waybill/core'
import { memoryDatabase } from '@waybill/store-memory'
import { eventually } from '@waybill/testing'
import { memoryBroker } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startBed } from './bed.js'

const payload = z.object({ key: z.string(), n: z.number() })

class Moved extends Event('moved.moved', { key: 'key', payload }) {}
class Orphan extends Command('orphan.orphan', { key: 'key', channel: 'moved', payload }) {}

@Service('audience')
class Audience {
  readonly heard: string[] = []

  @Listener(Moved, { transaction: false })
  hear({ key, n }: Moved): void {
    this.heard.push(`${key}${n}`)
  }
}

const parts = { channels: { moved: { fallback: 'outbox' } }, publishDeadline: '200ms' } as const

test('a delayed message that its broker does not take keeps its delay in the store', async () => {
  const { app, broker, outbox: box } = await startBed({ services: [Audience], ...parts })

  broker.stop()
  await app.publish(new Moved({ key: 'a', n: 1 }), { delay: '1h', id: 'late' })
  await app.publish(new Moved({ key: 'b', n: 2 }))
  broker.start()
  await eventually(() => app.get(Audience).heard.length > 0, { within: 15_000 })
  await eventually(async () => (await box.status())[0]?.pending === 0)

  expect(app.get(Audience).heard).toEqual(['b2'])
  expect((await box.timers()).map(({ id, subject }) => [id, subject])).toEqual([['late', 'moved']])
})

test('a process that starts while something waits in the outbox does not overtake it', async () => {
  const [broker, database] = [memoryBroker(), memoryDatabase()]
  const first = await startBed({ services: [Audience], broker, database, outbox: { relay: false }, ...parts })
  broker.stop()
  await first.app.publish(new Moved({ key: 'a', n: 1 }))
  broker.start()
  await first.app.stop()

  const second = await startBed({ services: [Audience], broker, database, outbox: { relay: false }, ...parts })
  await second.app.publish(new Moved({ key: 'a', n: 2 }))
  await startBed({ services: [], broker, database })
  await eventually(() => second.app.get(Audience).heard.length === 2)

  expect(second.app.get(Audience).heard).toEqual(['a1', 'a2'])
})

test('what is published later waits behind a parked message of its key, and other keys do not', async () => {
  const { app, broker, outbox: box } = await startBed({ services: [Audience], ...parts })
  broker.stop()
  await app.publish(new Orphan({ key: 'a', n: 1 }))
  broker.start()
  await eventually(async () => (await box.parked()).length === 1, { within: 15_000 })
  const parkedAt = Date.now()
  await eventually(() => Date.now() > parkedAt + 600)

  await app.publish(new Moved({ key: 'b', n: 2 }))
  await app.publish(new Moved({ key: 'a', n: 3 }))
  await eventually(async () => (await box.parked()).length === 2)
  const before = [...app.get(Audience).heard]
  await box.discard({ code: 'UNROUTABLE' }, 'nobody takes it')
  await eventually(() => app.get(Audience).heard.length === 2, { within: 10_000 })

  expect([before, app.get(Audience).heard]).toEqual([['b2'], ['b2', 'a3']])
})
