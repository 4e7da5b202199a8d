import { type BatchItem, createApp, Event, Listener, Service } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { z } from 'zod'

class MeterRead extends Event('meter.read', { payload: z.object({ meter: z.string(), value: z.number() }) }) {}

@Service('readings')
class Readings {
  stored = 0
  onStored: () => void = () => undefined

  // At most four at once; a batch that is not full starts after 20 ms.
  @Listener(MeterRead, { batch: { size: 4, wait: '20ms' }, concurrency: 1, retry: false })
  async store(readings: readonly MeterRead[], items: readonly BatchItem[]): Promise<void> {
    const isGood = readings.map(({ value }) => value >= 0)
    console.log(`${readings.length} at once: ${readings.map(({ meter }) => meter).join(' ')}${isGood.includes(false) ? ', with a bad one' : ''}`)

    // One that fails takes none with it: the items of its batch run again, each alone.
    for (const [i, reading] of readings.entries()) if (!isGood[i]) items[i]?.fail(new Error(`${reading.meter} runs backwards`))
    if (isGood.includes(false)) return

    this.stored += readings.length
    this.onStored()
  }
}

const app = createApp({ name: 'meters', services: [Readings], transport: memory(), log: false })
await app.start()
const readings = app.get(Readings)

const stored = new Promise<void>((resolve) => {
  readings.onStored = () => readings.stored === 8 && resolve()
})
await app.publish(['a', 'b', 'c', 'd', 'e', 'f', 'bad', 'g', 'h'].map((meter) => new MeterRead({ meter, value: meter === 'bad' ? -1 : 1 })))
await stored

console.log(`stored: ${readings.stored}`)
for (const letter of await app.deadLetters.list({ channel: 'meter', group: 'readings' })) console.log(`dead letter: ${letter.message}`)
await app.stop()
