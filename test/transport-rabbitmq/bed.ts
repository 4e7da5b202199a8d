import { randomUUID } from 'node:crypto'
import {
  type ChannelOptions,
  type ChannelTopology,
  type ConnectionState,
  type Consumer,
  type Destination,
  type Outgoing,
  type PublishOutcome,
  type RawDelivery,
  type Runtime,
  systemRuntime,
  type Transport,
  type TransportHost,
} from '@waybill/core'
import { eventually, type FaultProxy, faultProxy } from '@waybill/testing'
import { type RabbitOptions, rabbitmq } from '@waybill/transport-rabbitmq'
import { type Channel, type ChannelModel, connect } from 'amqplib'
import { afterAll, beforeAll } from 'vitest'
import { outcomesOf, outgoing, type OutgoingParts, textOf } from '../setup/seam.js'

export const url = process.env['WAYBILL_RABBITMQ_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672'

/** One process of an app, as far as its transport is concerned. */
export interface Party {
  readonly transport: Transport
  readonly host: TransportHost
  readonly states: ConnectionState[]
  readonly lines: string[]
  /** Those of the lines that ask for attention. */
  readonly warnings: string[]
}

/** The broker seen by a bare client, a proxy before it, and everything that a test made, ended behind it. */
export function bed() {
  const parties: Party[] = []
  const namespaces = new Map<string, ChannelTopology[]>()
  let bare: { connection: ChannelModel; channel: Channel } | undefined
  let proxy: FaultProxy | undefined
  beforeAll(async () => {
    const { hostname, port } = new URL(url)
    proxy = await faultProxy({ to: { host: hostname, port: Number(port || 5672) } })
    const connection = await connect(url)
    bare = { connection, channel: await connection.createChannel() }
  })
  afterAll(async () => {
    await proxy?.heal()
    await Promise.all(parties.map(({ transport }) => transport.close(2_000)))
    if (bare) await removeAll(bare.channel, namespaces)
    await bare?.connection.close()
    await proxy?.close()
  })

  return {
    get channel(): Channel {
      return bare?.channel as Channel
    },
    get connection(): ChannelModel {
      return bare?.connection as ChannelModel
    },
    get proxy(): FaultProxy {
      return proxy as FaultProxy
    },
    /** A namespace that no other test has. */
    namespace(): string {
      return `r${randomUUID().slice(0, 8)}`
    },
    /** Not connected. */
    stranger(options: RabbitOptions = { url: proxied(proxy as FaultProxy) }, namespace?: string): Party {
      const party = partyOf(options, namespace)
      parties.push(party)

      return party
    },
    /** What is removed from the broker at the end. */
    remember(namespace: string, channels: readonly ChannelTopology[]): void {
      namespaces.set(namespace, [...(namespaces.get(namespace) ?? []), ...channels])
    },
    /** Connected, and with that topology. */
    async party(namespace: string, channels: readonly ChannelTopology[] = [channelOf('orders')]): Promise<Party> {
      const party = this.stranger(undefined, namespace)
      this.remember(namespace, channels)
      await party.transport.connect(party.host)
      await party.transport.declare({ channels, asks: false })

      return party
    },
  }
}

export function channelOf(
  name: string,
  parts: { readonly keyed?: boolean; readonly partitions?: number; readonly options?: ChannelOptions; readonly types?: readonly string[] | 'all' } = {},
): ChannelTopology {
  const { keyed = false, options = {}, partitions = 1, types = ['order.placed'] } = parts

  return { name, messages: [{ name: 'order.placed', keyed }], groups: [{ name: 'billing', types, keyed, partitions }], options }
}

export function message(text: string, parts: OutgoingParts = {}): Outgoing {
  return outgoing({ kind: 'channel', channel: 'orders' }, text, parts)
}

export const billing = { channel: 'orders', group: 'billing' } as const
export const dead: Destination = { kind: 'dead', ...billing }

/** Resolves with the outcome of each. */
export function send({ transport }: Party, ...batch: readonly Outgoing[]): Promise<readonly PublishOutcome[]> {
  return outcomesOf(transport, batch)
}

export interface Inbox {
  readonly consumer: Consumer
  readonly got: RawDelivery[]
  readonly batches: number[]
  readonly texts: () => string[]
}

/** Takes what comes; acknowledges it at once unless it shall be held. */
export async function listen({ transport }: Party, parts: { readonly window?: number; readonly hold?: boolean } = {}): Promise<Inbox> {
  const got: RawDelivery[] = []
  const batches: number[] = []
  const consumer = await transport.subscribe({ kind: 'group', ...billing, window: parts.window ?? 100 }, (deliveries) => {
    got.push(...deliveries)
    batches.push(deliveries.length)
    if (!parts.hold) for (const delivery of deliveries) delivery.settle('ack')
  })

  return { consumer, got, batches, texts: () => got.map(textOf) }
}

/** How many messages wait in a queue, and how many consumers it has. */
export async function depth(connection: ChannelModel, queue: string): Promise<{ readonly messages: number; readonly consumers: number }> {
  const channel = await connection.createChannel()
  channel.on('error', () => undefined)
  const { consumerCount, messageCount } = await channel.checkQueue(queue)
  await channel.close()

  return { messages: messageCount, consumers: consumerCount }
}

export const soon = eventually

function partyOf(options: RabbitOptions, namespace: string | undefined): Party {
  const transport = rabbitmq(options)
  const states: ConnectionState[] = []
  const lines: string[] = []
  const note = (text: string): void => void lines.push(text)
  const warnings: string[] = []
  const warn = (text: string): void => {
    lines.push(text)
    warnings.push(text)
  }
  transport.onState((state) => states.push(state))
  const log = { debug: note, info: note, warn, error: warn }

  return { transport, states, lines, warnings, host: { app: 'shop', instance: randomUUID(), namespace, runtime: systemRuntime, log } }
}

export function proxied(proxy: FaultProxy): string {
  const target = new URL(url)
  target.hostname = proxy.host
  target.port = String(proxy.port)

  return target.href
}

async function removeAll(channel: Channel, namespaces: ReadonlyMap<string, readonly ChannelTopology[]>): Promise<void> {
  for (const [namespace, channels] of namespaces) {
    for (const { name, groups } of channels) {
      for (const group of groups) {
        const queue = `${namespace}.${name}.${group.name}`
        const keyed = Array.from({ length: group.partitions }, (_, n) => `${queue}.keyed.${n}`)
        for (const each of [queue, `${queue}.dead`, `${queue}.starts`, ...keyed]) await channel.deleteQueue(each)
        await channel.deleteExchange(`${queue}.keyed`)
      }
      await channel.deleteExchange(`${namespace}.${name}`)
    }
  }
}

/** The machine's clock, twenty times as fast. */
export const hasty: Runtime = {
  ...systemRuntime,
  elapsed: () => systemRuntime.elapsed() * 20,
  after: (ms, run) => systemRuntime.after(ms / 20, run),
}
