// A process that books trips by a saga, for tests that kill it: trips.js <database> <namespace> <table>
import { createApp } from '@waybill/core'
import { outbox } from '@waybill/outbox'
import { sagas } from '@waybill/saga'
import { postgres } from '@waybill/store-postgres'
import { rabbitmq } from '@waybill/transport-rabbitmq'
import { servicesOf } from './trip.js'

const [url = '', namespace = 'trips', table = ''] = process.argv.slice(2)
const transport = rabbitmq({ url: process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672' })
const plugins = [outbox(postgres({ url, schema: 'outbox' }), { lease: '2s' }), sagas()]
const app = createApp({ name: 'trips', namespace, services: servicesOf(table), transport, plugins, log: false })

await app.start()
console.log('ready')
