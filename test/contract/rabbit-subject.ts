import { rabbitmq } from '@waybill/transport-rabbitmq'
import { faultProxy } from '@waybill/testing'
import type { ContractSubject, DeclaredTopology } from '@waybill/testing/contract'
import { connect } from 'amqplib'

export interface OpenSubject extends ContractSubject {
  close(): Promise<void>
}

/** RabbitMQ behind a proxy that can fail. */
export async function rabbitSubject(): Promise<OpenSubject> {
  const url = brokerUrl()
  // A broker that is not there fails the suite at once, not case by case.
  await removeTopology([])
  const proxy = await faultProxy({ to: { host: url.hostname, port: Number(url.port || 5672) } })
  const proxied = new URL(url)
  proxied.hostname = proxy.host
  proxied.port = String(proxy.port)

  return {
    name: 'rabbitmq',
    create: () => rabbitmq({ url: proxied.href }),
    cut: () => Promise.resolve(proxy.reset()),
    leave() {
      proxy.refuse()
      proxy.reset()

      return Promise.resolve()
    },
    back: () => proxy.heal(),
    slow: (latencyMs) => proxy.latency(latencyMs),
    remove: removeTopology,
    close: () => proxy.close(),
  }
}

/** The broker is shared and keeps its queues: what a case declared goes with it. */
export async function removeTopology(declared: readonly DeclaredTopology[]): Promise<void> {
  const connection = await connect(brokerUrl().href)
  const channel = await connection.createChannel()
  for (const { namespace, topology } of declared) {
    const prefix = namespace === undefined ? '' : `${namespace}.`
    for (const { name, groups } of topology.channels) {
      for (const group of groups) {
        const own = `${prefix}${name}.${group.name}`
        for (const queue of queuesOf(own, group.partitions)) await channel.deleteQueue(queue)
        await channel.deleteExchange(`${own}.keyed`)
      }
      await channel.deleteExchange(`${prefix}${name}`)
    }
  }
  await connection.close()
}

function brokerUrl(): URL {
  return new URL(process.env.WAYBILL_RABBITMQ_URL ?? 'amqp://guest:guest@127.0.0.1:5672')
}

function queuesOf(group: string, partitions: number): readonly string[] {
  return [group, `${group}.dead`, `${group}.starts`, ...Array.from({ length: partitions }, (_, index) => `${group}.keyed.${index}`)]
}
