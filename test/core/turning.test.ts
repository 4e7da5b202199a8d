import { createApp, Event, Listener, Service, systemRuntime, unchecked } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { expect, test } from 'vitest'
import { timesUntilTurn } from '../setup/turns.js'

class Parcel extends Event('parcel.sent', { channel: 'parcels', payload: unchecked<{ readonly id: number }>() }) {}

@Service('desk')
class Desk {
  @Listener(Parcel)
  async take(_parcel: Parcel): Promise<void> {}
}

test('a loop of awaited publishes on the memory broker leaves timers and signals their turn', async () => {
  const app = createApp({ name: 'post', services: [Desk], transport: memory(), signals: false, log: false })
  await app.start()

  expect(await timesUntilTurn(100_000, (id) => app.publish(new Parcel({ id })))).toBeLessThan(100_000)

  await app.stop()
})

test('what is given within one turn runs in its order, however much it is', async () => {
  const ran: number[] = []
  await new Promise<void>((resolve) => {
    for (let n = 0; n < 1_000; n++) systemRuntime.soon(() => (ran.push(n) === 1_000 ? resolve() : undefined))
  })

  expect(ran).toEqual(Array.from({ length: 1_000 }, (_, n) => n))
})
