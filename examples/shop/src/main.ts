import { parseArgs } from 'node:util'
import { createApp, type Transport } from '@waybill/core'
import { kafka } from '@waybill/transport-kafka'
import { memory } from '@waybill/transport-memory'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { openFront } from './front.js'
import { Notification } from './notification.js'
import { Orders } from './orders.js'
import { Payment } from './payment.js'
import { Stock } from './stock.js'
import { Story } from './story.js'

const usage = `The order shop: five services in one process, and a page to watch them.

  npm start                          on the embedded broker
  npm start -- --broker rabbitmq     on RabbitMQ (WAYBILL_RABBITMQ_URL, default amqp://guest:guest@127.0.0.1:5672)
  npm start -- --broker kafka        on Kafka (WAYBILL_KAFKA_BROKERS, default 127.0.0.1:9092)
  npm start -- --port 4000           the page's port (default 3000, 0 takes any free one)
  npm start -- --namespace mine      a prefix for queues and topics, so that several shops share one broker
`

const brokers: Readonly<Record<string, () => Transport>> = {
  memory: () => memory(),
  rabbitmq: () => rabbitmq({ url: process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672' }),
  kafka: () => kafka({ brokers: (process.env['WAYBILL_KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(',') }),
}

const { broker, port, namespace, help } = readArguments()
if (help) {
  console.log(usage)
} else {
  await open(broker, port, namespace)
}

async function open(name: string, at: number, namespace: string | undefined): Promise<void> {
  const transport = brokers[name]
  if (!transport) return refuse(`There is no broker "${name}". Choose one of ${Object.keys(brokers).join(', ')}.`)
  if (!Number.isInteger(at) || at < 0 || at > 65_535) return refuse('A port is a number from 0 to 65535.')

  const app = createApp({ name: 'shop', ...(namespace === undefined ? {} : { namespace }), services: [Orders, Stock, Payment, Notification, Story], transport: transport() })
  await app.start()
  try {
    const { address } = await openFront(app, at)
    console.log(`\nThe shop is open: ${address}\nCtrl-C closes it.\n`)
  } catch (error) {
    await app.stop()
    refuse((error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? `Port ${at} is taken. Choose another: npm start -- --port 0` : String(error))
  }
}

function readArguments(): { broker: string; port: number; namespace: string | undefined; help: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        broker: { type: 'string', default: 'memory' },
        port: { type: 'string', default: '3000' },
        namespace: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })

    return { broker: values.broker, port: Number(values.port), namespace: values.namespace, help: values.help }
  } catch (error) {
    refuse((error as Error).message)

    return { broker: 'memory', port: 0, namespace: undefined, help: true }
  }
}

function refuse(why: string): void {
  console.error(`${why}\n\n${usage}`)
  process.exitCode = 2
}
