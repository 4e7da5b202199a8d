// A process that publishes numbers and takes them, on a journal, until somebody ends it:
//   keeper.js <folder> <life> <sync>
// Life 0 publishes nothing. It says `sent`, `kept` (confirmed), `lost` (rejected or unknown) and `took`, each with the numbers.
import { createApp, DeadLetter, type Delivery, Event, Listener, PublishError, Service } from '@waybill/core'
import { memory } from '@waybill/transport-memory'
import { z } from 'zod'

class Counted extends Event('number.counted', { channel: 'numbers', key: 'key', payload: z.object({ key: z.string(), n: z.number(), ballast: z.string() }) }) {}

@Service('taker')
class Taker {
  @Listener(Counted, { concurrency: 8, retry: { attempts: 5, backoff: '1ms..5ms' } })
  async take({ n }: Counted, { attempt }: Delivery): Promise<void> {
    if (n % 83 === 0) throw new DeadLetter('it is bad')
    if (n % 13 === 0 && attempt === 1) throw new Error('once more')
    await new Promise((resolve) => setImmediate(resolve))
    console.log(`took ${n}`)
  }
}

const [folder = '', life = '0', sync = 'write'] = process.argv.slice(2)
const app = createApp({ name: 'keeper', services: [Taker], transport: memory({ folder, sync: sync as 'write' }) })
await app.start()
console.log('ready')
if (life === '0') process.stdin.on('data', () => void tellLetters()).resume()
else await publish(Number(life) * 1_000_000)

// So large that the journal is compacted several times in a life.
async function publish(first: number): Promise<never> {
  for (let n = first; ; n += 20) {
    const numbers = Array.from({ length: 20 }, (_, index) => n + index)
    await new Promise((resolve) => setImmediate(resolve))
    console.log(`sent ${numbers.join(' ')}`)
    try {
      await app.publish(numbers.map((number) => new Counted({ key: `k${number % 5}`, n: number, ballast: 'x'.repeat(3_000) })))
      console.log(`kept ${numbers.join(' ')}`)
    } catch (error) {
      console.log(`lost ${numbers.join(' ')} ${error instanceof PublishError ? error.message : String(error)}`)
    }
  }
}

async function tellLetters(): Promise<void> {
  const letters = await app.deadLetters.list({ channel: 'numbers', group: 'taker' }, { limit: 1_000 })
  console.log(`letters ${letters.map(({ body }) => (JSON.parse(Buffer.from(body).toString()) as { n: number }).n).join(' ')} end`)
}
