import { Listener, observe, type Observer, Service } from '@waybill/core'
import { eventually } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { Asked, startBed } from './bed.js'

@Service('ears')
class Ears {
  @Listener(Asked)
  hear(): void {}
}

test('an observer hears of what an outbox sends, and of messages that come again', async () => {
  const heard: Record<string, object[]> = { duplicated: [], relayed: [] }
  class Seen implements Observer {
    duplicated(event: object): void {
      heard['duplicated']?.push(event)
    }
    relayed(event: object): void {
      heard['relayed']?.push(event)
    }
  }
  onTestFinished(observe(new Seen()))
  const { app } = await startBed({ services: [Ears] })

  await app.transaction(() => app.publish(new Asked({ n: 1 }), { id: 'once' }))
  await app.publish(new Asked({ n: 1 }), { id: 'once' })
  await eventually(() => Object.values(heard).every((events) => events.length > 0))

  expect(heard['duplicated']).toMatchObject([{ id: 'once', listener: 'Ears.hear', kind: 'duplicate' }])
  expect(heard['relayed']).toMatchObject([{ shard: 'memory', sent: 1, parked: 0 }])
})
