// A process that publishes until its disk is full, then something small, and says what was confirmed: filler.js <folder>
import { createApp, Event, Listener, PublishError, Service } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { z } from 'zod'

class Filled extends Event('disk.filled', { channel: 'disk', payload: z.object({ n: z.number(), ballast: z.string() }) }) {}

@Service('hearer')
class Hearer {
  @Listener(Filled)
  async hear({ n }: Filled): Promise<void> {
    console.log(`heard ${n}`)
    if (process.argv[3] !== 'hear') await new Promise(() => undefined)
  }
}

const app = createApp({ name: 'filler', services: [Hearer], transport: memory({ folder: process.argv[2] ?? '' }), shutdown: '1s' })
await app.start()
console.log('ready')
if (process.argv[3] !== 'hear') {
  for (let n = 0; await isKept(n, 10_000); n++);
  await isKept(-1, 10)
  await app.stop()
}

async function isKept(n: number, ballast: number): Promise<boolean> {
  try {
    await app.publish(new Filled({ n, ballast: 'x'.repeat(ballast) }))
    console.log(`kept ${n}`)

    return true
  } catch (error) {
    console.log(`refused ${n} ${error instanceof PublishError ? error.message : String(error)}`)

    return false
  }
}
