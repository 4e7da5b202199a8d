import { type Channel, type ChannelModel, connect } from 'amqplib'
import { type Broker, type Endpoint, probe } from './broker.js'
import type { Footprint } from './contender.js'
import type { Sightings } from './ledger.js'
import { idOf } from './order.js'

const patienceMs = 3_000

export async function openRabbitmq(): Promise<Broker> {
  const url = process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672'
  const endpoint = endpointOf(url)
  await probe('RabbitMQ', endpoint, 'Start it with "node test/setup/brokers.mjs start rabbitmq", or say where it is in WAYBILL_RABBITMQ_URL.')
  const connection = await connect(url)

  return {
    name: 'rabbitmq',
    url,
    endpoint,
    drain: (_room, footprint, ledger) => withChannel(connection, (channel) => drain(channel, footprint, ledger)),
    leftover: (footprint) => withChannel(connection, async (channel) => (await channel.checkQueue(footprint.store)).messageCount),
    clear: (_room, footprint) => withChannel(connection, (channel) => clear(channel, footprint)),
    close: () => connection.close(),
  }
}

function endpointOf(url: string): Endpoint {
  const { hostname, port, protocol } = new URL(url)

  return { host: hostname, port: Number(port) || (protocol === 'amqps:' ? 5671 : 5672) }
}

async function withChannel<T>(connection: ChannelModel, work: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await connection.createChannel()
  try {
    return await work(channel)
  } finally {
    await channel.close()
  }
}

async function drain(channel: Channel, { store }: Footprint, ledger: Sightings): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, patienceMs)
    const take = (body: Buffer) => {
      ledger.see(idOf(body))
      if (ledger.isComplete) resolve()
      else timer.refresh()
    }
    channel.consume(store, (message) => message && take(message.content), { noAck: true }).catch(reject)
  })
}

async function clear(channel: Channel, footprint: Footprint): Promise<void> {
  for (const queue of [footprint.store, ...(footprint.queues ?? [])]) await channel.deleteQueue(queue)
  for (const exchange of footprint.exchanges ?? []) await channel.deleteExchange(exchange)
}
