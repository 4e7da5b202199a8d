import { kafka, type KafkaDriver } from '@waybill/transport-kafka'
import type { ContractSubject, DeclaredTopology } from '@waybill/testing/contract'
import { Kafka, logLevel } from 'kafkajs'
import { clientSockets } from './client-sockets.js'

/**
 * Kafka, whose connections are broken at our own end: a broker tells each client the address to use next, so a proxy in
 * front of it is left behind.
 */
export async function kafkaSubject(driver?: KafkaDriver): Promise<ContractSubject & { close(): Promise<void> }> {
  const brokers = brokerList()
  const sockets = clientSockets(brokers.map((broker) => Number(broker.split(':').at(-1))))
  const declared: DeclaredTopology[] = []
  // A broker that is not there fails the suite at once, not case by case.
  await removeTopology(declared)

  return {
    name: 'kafka',
    create: () => kafka({ brokers, ...(driver === undefined ? {} : { driver }) }),
    cut: () => Promise.resolve(sockets.cut()),
    leave: () => Promise.resolve(sockets.refuse()),
    back: () => Promise.resolve(sockets.accept()),
    remove: (more) => Promise.resolve(void declared.push(...more)),
    async close() {
      sockets.release()
      await removeTopology(declared)
    },
  }
}

function brokerList(): string[] {
  return (process.env.WAYBILL_KAFKA_BROKERS ?? '127.0.0.1:9092').split(',')
}

/** All at once in the end: a broker that is busy deleting is slow to make the next case's topics. */
export async function removeTopology(declared: readonly DeclaredTopology[]): Promise<void> {
  const admin = new Kafka({ brokers: brokerList(), clientId: 'contract', logLevel: logLevel.NOTHING, retry: { retries: 1 } }).admin()
  await admin.connect()
  const names = declared.flatMap(({ namespace, topology }) => topology.channels.map(({ name }) => (namespace === undefined ? name : `${namespace}.${name}`)))
  const apps = declared.map(({ namespace, app }) => (namespace === undefined ? `${app}.reply` : `${namespace}.${app}.reply`))
  const topics = (await admin.listTopics()).filter((topic) => apps.includes(topic) || names.some((name) => topic === name || topic.startsWith(`${name}.`)))
  if (topics.length > 0) await admin.deleteTopics({ topics })
  await admin.disconnect()
}
