import { type Admin, Kafka, logLevel } from 'kafkajs'
import { type Broker, type Endpoint, probe } from './broker.js'
import type { Footprint, Room } from './contender.js'
import type { Sightings } from './ledger.js'
import { idOf } from './order.js'

const patienceMs = 5_000

export async function openKafka(): Promise<Broker> {
  const url = process.env['WAYBILL_KAFKA_BROKERS'] ?? '127.0.0.1:9092'
  const endpoint = endpointOf(url)
  await probe('Kafka', endpoint, 'Start it with "node test/setup/brokers.mjs start kafka", or say where it is in WAYBILL_KAFKA_BROKERS.')
  const kafka = new Kafka({ clientId: 'bench', brokers: url.split(','), logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()

  return {
    name: 'kafka',
    url,
    endpoint,
    drain: (room, footprint, ledger) => drain(kafka, room, footprint, ledger),
    // A group's last commit may be a moment behind without any harm, so Kafka has no such number.
    leftover: async () => 0,
    clear: (room) => clear(admin, room),
    close: () => admin.disconnect(),
  }
}

function endpointOf(url: string): Endpoint {
  const [host = '127.0.0.1', port] = (url.split(',')[0] ?? '').split(':')

  return { host, port: Number(port) || 9092 }
}

async function drain(kafka: Kafka, room: Room, { store }: Footprint, ledger: Sightings): Promise<void> {
  const consumer = kafka.consumer({ groupId: `${room.id}.judge` })
  await consumer.subscribe({ topic: store, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, patienceMs)
    const eachBatch = async ({ batch }: { batch: { messages: readonly { value: Buffer | null }[] } }) => {
      for (const { value } of batch.messages) ledger.see(value ? idOf(value) : -1)
      if (ledger.isComplete) resolve()
      else timer.refresh()
    }
    consumer.run({ autoCommit: false, eachBatch }).catch(reject)
  })
  await consumer.disconnect()
}

async function clear(admin: Admin, { id }: Room): Promise<void> {
  const isOurs = (name: string) => name.startsWith(`${id}.`)
  const topics = (await admin.listTopics()).filter(isOurs)
  if (topics.length > 0) await admin.deleteTopics({ topics })
  const groups = (await admin.listGroups()).groups.map((group) => group.groupId).filter(isOurs)
  // A group that still has a member (a killed contender's) cannot go; without its topic it is a name and nothing more.
  if (groups.length > 0) await admin.deleteGroups(groups).catch(() => {})
}
