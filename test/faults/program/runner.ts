// A process that does errands and says what it does, for tests that end it:
//   runner.js <broker> <namespace> <shutdown>
// Lines that it reads: `give <how> <id>…` publishes errands (`mixed`: all quick but "k", which kills), `finish` lets the waiting ones end, `dead` shows the dead letters.
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Command, createApp, type Delivery, Listener, Service, type Transport } from '@waybill/core'
import { kafka, platformatic } from '@waybill/transport-kafka'
import { memory } from '@waybill/transport-memory'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { z } from 'zod'

class Errand extends Command('errand.run', { channel: 'errands', payload: z.object({ id: z.string(), how: z.enum(['quick', 'wait', 'hang', 'kill']) }) }) {}

const waiting: (() => void)[] = []

@Service('runner')
class Runner {
  @Listener(Errand)
  async run({ id, how }: Errand, { attempt }: Delivery): Promise<void> {
    console.log(`started ${id} ${attempt}`)
    if (how === 'kill') process.kill(process.pid, 'SIGKILL')
    if (how === 'hang') await new Promise(() => undefined)
    if (how === 'wait') await new Promise<void>((resolve) => waiting.push(resolve))
    console.log(`finished ${id}`)
  }
}

// The shortest session that a broker allows unless it is told otherwise: so long the partitions of a killed process wait.
const kafkaOptions = { brokers: (process.env['WAYBILL_KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(','), sessionTimeout: '6s' } as const

const transports: Readonly<Record<string, () => Transport>> = {
  memory: () => memory(),
  journal: () => memory({ folder: join(tmpdir(), namespace) }),
  rabbitmq: () => rabbitmq({ url: process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672' }),
  kafka: () => kafka(kafkaOptions),
  'kafka-platformatic': () => kafka({ ...kafkaOptions, driver: platformatic() }),
}

const [broker = 'memory', namespace = 'runner', shutdown = '10s'] = process.argv.slice(2)
const app = createApp({ name: 'errands', namespace, services: [Runner], transport: (transports[broker] ?? memory)(), shutdown: shutdown as '10s' })

function mixed(id: string): Errand['how'] {
  return id === 'k' ? 'kill' : 'quick'
}

async function obey(line: string): Promise<void> {
  const [word, how, ...ids] = line.split(' ')
  if (word === 'give') await app.publish(ids.map((id) => new Errand({ id, how: how === 'mixed' ? mixed(id) : (how as Errand['how']) })))
  if (word === 'finish') for (const finish of waiting.splice(0)) finish()
  if (word === 'dead') {
    const letters = await app.deadLetters.list({ channel: 'errands', group: 'runner' })
    console.log(`dead ${JSON.stringify(letters.map(({ body, reason, attempts }) => ({ id: JSON.parse(Buffer.from(body).toString()).id as string, reason, attempts })))}`)
  }
}

await app.start()
createInterface({ input: process.stdin }).on('line', (line) => void obey(line))
console.log('ready')
