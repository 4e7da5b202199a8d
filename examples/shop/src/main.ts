import { accessSync, constants, mkdirSync } from 'node:fs'
import { createApp, type Transport } from '@waybill/core'
import { metrics } from '@waybill/metrics'
import { Database, outbox } from '@waybill/outbox'
import { postgres } from '@waybill/store-postgres'
import { kafka } from '@waybill/transport-kafka'
import { memory } from '@waybill/transport-memory'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { type Broker, readArguments } from './arguments.mjs'
import { front } from './front.js'
import { Notification } from './notification.js'
import { Orders } from './orders.js'
import { Payment } from './payment.js'
import { Stock } from './stock.js'
import { Story } from './story.js'
import { prepareTables } from './tables.js'

const brokers: Readonly<Record<Broker, (folder: string) => Transport>> = {
  memory: (folder) => memory({ folder }),
  rabbitmq: () => rabbitmq({ url: process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672' }),
  kafka: () => kafka({ brokers: (process.env['WAYBILL_KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(',') }),
}

const { broker, port, namespace, data } = readArguments()
const observed = metrics()
const page = front(port, observed)
const app = createApp({
  name: 'shop',
  ...(namespace === undefined ? {} : { namespace }),
  services: [Orders, Stock, Payment, Notification, Story],
  transport: brokers[broker](data),
  plugins: [
    observed,
    page,
    // One process at a time has the folder, so a lease is only waited for after a kill.
    outbox(postgres({ embedded: data }), { lease: '2s' }),
    { name: 'tables', start: (shop) => prepareTables(shop.get(Database)) },
  ],
})

try {
  prepareFolder()
  await app.start()
  console.log(`\nThe shop is open: ${page.address}\nCtrl-C closes it.\n`)
} catch (error) {
  console.error(whyNot(error))
  process.exitCode = 1
}

function prepareFolder(): void {
  try {
    mkdirSync(data, { recursive: true })
    accessSync(data, constants.W_OK)
  } catch (error) {
    throw new Error(`"--data" was expected to be a folder that the shop may write; with "${data}" it found: ${error}. Name another one, or give this one rights.`)
  }
}

/** What went wrong, in the words of who typed the command. */
function whyNot(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return `Port ${port} is taken, perhaps by another shop. Choose another port: npm start -- --port 0`
  if (code === 'FOLDER_IN_USE' || code === 'EMBEDDED_IN_USE')
    return `Another shop runs with the folder "${data}". Close that one, or give this one a folder of its own: npm start -- --data <folder>`

  return error instanceof Error ? error.message : String(error)
}
