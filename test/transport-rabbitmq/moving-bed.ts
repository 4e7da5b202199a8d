import { type ChannelTopology, type MigrationProgress, type Runtime, systemRuntime, type TopologyAccess } from '@waybill/core'
import type { RabbitOptions } from '@waybill/transport-rabbitmq'
import { type ChannelModel, connect } from 'amqplib'
import { afterAll, beforeAll } from 'vitest'
import { bed, type Party } from './bed.js'
import { type OwnNode, ownNode } from './own-node.js'

/** A broker whose HTTP API is known, and apps on it whose queues are moved. */
export function movingBed() {
  const broker = bed()
  let node: OwnNode
  let bare: ChannelModel
  beforeAll(async () => {
    node = await ownNode({ plugins: ['rabbitmq_management'], settings: ({ second }) => [`management.tcp.port = ${second}`, 'management.tcp.ip = 127.0.0.1'] })
    bare = await connect(node.url)
  }, 90_000)
  afterAll(async () => {
    await bare?.close()
    await node?.close()
  })
  const managed = (): RabbitOptions => ({ url: node.url, management: { url: `http://127.0.0.1:${node.second}` } })

  return {
    get url(): string {
      return node.url
    },
    get bare(): ChannelModel {
      return bare
    },
    namespace: () => broker.namespace(),
    /** An app that has declared what it wants. */
    async partyOf(namespace: string, wanted: readonly ChannelTopology[], parts: { readonly runtime?: Runtime; readonly options?: RabbitOptions } = {}): Promise<Party> {
      const party = broker.stranger({ url: node.url, ...parts.options }, namespace)
      await party.transport.connect({ ...party.host, runtime: parts.runtime ?? systemRuntime })
      await party.transport.declare({ channels: wanted, asks: false })

      return party
    },
    mover(namespace: string, wanted: readonly ChannelTopology[]) {
      const { host, transport } = broker.stranger(managed(), namespace)
      const access = transport.topology as TopologyAccess
      const of = { host, topology: { channels: wanted, asks: false } }

      return {
        migrate: (told: (progress: MigrationProgress) => unknown = () => undefined, patienceMs = 60_000) => access.migrate(of, { told, patienceMs }),
        difference: () => access.difference(of),
        unused: () => access.unused(of),
      }
    },
    async apiText(what: string): Promise<string> {
      const answer = await fetch(`http://127.0.0.1:${node.second}/api/${what}`, { headers: { authorization: `Basic ${btoa('guest:guest')}` } })

      return answer.text()
    },
    /** The names of what moves have left behind. */
    async leftIn(namespace: string): Promise<string[]> {
      const exchanges = await node.ctl('-q', '--no-table-headers', 'list_exchanges', 'name')
      const queues = await node.ctl('-q', '--no-table-headers', 'list_queues', 'name')

      return `${exchanges}\n${queues}`.split('\n').filter((name) => name.includes(namespace) && name.startsWith('waybill.'))
    },
  }
}

/** Ends a move before each step that it has not come to yet. Of the 64 slots those below the given one count as steps of their own, the others as one. */
export function cutter(slots = 64) {
  const reached = new Set<string>()

  return {
    reached,
    told({ step, thing }: MigrationProgress) {
      const place = `${thing} ${step.replace(/(?<=\.keyed\.)\d+/, (slot) => (Number(slot) < slots ? slot : 'n'))}`
      if (reached.has(place)) return
      reached.add(place)
      throw new Error(cutOff)
    },
  }
}

/** Begins a move again until nothing cuts it off. */
export async function untilMoved(migrate: () => Promise<unknown>): Promise<void> {
  for (let isMoved = false; !isMoved; ) {
    isMoved = await migrate().then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof Error) || error.message !== cutOff) throw error

        return false
      },
    )
  }
}

const cutOff = 'cut off'
