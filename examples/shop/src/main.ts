import { parseArgs } from 'node:util'
import { createApp, type Transport } from '@waybill/core'
import { Database, outbox } from '@waybill/outbox'
import { postgres } from '@waybill/store-postgres'
import { kafka } from '@waybill/transport-kafka'
import { memory } from '@waybill/transport-memory'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { openFront } from './front.js'
import { Notification } from './notification.js'
import { Orders } from './orders.js'
import { Payment } from './payment.js'
import { Stock } from './stock.js'
import { Story } from './story.js'
import { prepareTables } from './tables.js'

const usage = `The order shop: five services in one process, and a page to watch them. What it was told it keeps in a folder, and goes on with it at the next start.

  npm start                          on the embedded broker
  npm start -- --broker rabbitmq     on RabbitMQ (WAYBILL_RABBITMQ_URL, default amqp://guest:guest@127.0.0.1:5672)
  npm start -- --broker kafka        on Kafka (WAYBILL_KAFKA_BROKERS, default 127.0.0.1:9092)
  npm start -- --port 4000           the page's port (default 3000, 0 takes any free one)
  npm start -- --namespace mine      a prefix for queues and topics, so that several shops share one broker
  npm start -- --data folder         where it keeps its rows and messages (default .waybill/shop/<broker>)
`

const brokers: Readonly<Record<string, (folder: string) => Transport>> = {
  memory: (folder) => memory({ folder }),
  rabbitmq: () => rabbitmq({ url: process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672' }),
  kafka: () => kafka({ brokers: (process.env['WAYBILL_KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(',') }),
}

const { broker, port, namespace, data, help } = readArguments()
if (help) {
  console.log(usage)
} else {
  await open(broker, port, namespace, data)
}

async function open(name: string, at: number, namespace: string | undefined, folder: string): Promise<void> {
  const transport = brokers[name]
  if (!transport) return refuse(`There is no broker "${name}". Choose one of ${Object.keys(brokers).join(', ')}.`)
  if (!Number.isInteger(at) || at < 0 || at > 65_535) return refuse('A port is a number from 0 to 65535.')

  const app = createApp({
    name: 'shop',
    ...(namespace === undefined ? {} : { namespace }),
    services: [Orders, Stock, Payment, Notification, Story],
    transport: transport(folder),
    // One process at a time has the folder, so a lease is only waited for after a kill.
    plugins: [outbox(postgres({ embedded: folder }), { lease: '2s' })],
  })
  try {
    await app.start()
    await prepareTables(app.get(Database))
    const { address } = await openFront(app, at)
    console.log(`\nThe shop is open: ${address}\nCtrl-C closes it.\n`)
  } catch (error) {
    await app.stop()
    refuse((error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? `Port ${at} is taken. Choose another: npm start -- --port 0` : String(error))
  }
}

function readArguments(): { broker: string; port: number; namespace: string | undefined; data: string; help: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        broker: { type: 'string', default: 'memory' },
        port: { type: 'string', default: '3000' },
        namespace: { type: 'string' },
        data: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })

    const data = values.data ?? ['.waybill/shop', values.broker, values.namespace].filter((part) => part !== undefined).join('/')

    return { broker: values.broker, port: Number(values.port), namespace: values.namespace, data, help: values.help }
  } catch (error) {
    refuse((error as Error).message)

    return { broker: 'memory', port: 0, namespace: undefined, data: '', help: true }
  }
}

function refuse(why: string): void {
  console.error(`${why}\n\n${usage}`)
  process.exitCode = 2
}
