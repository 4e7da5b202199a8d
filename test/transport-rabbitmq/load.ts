import { eventually, type history } from '@waybill/testing'
import { billing, message, type Party, send } from './bed.js'

const keys = 40

/** Takes what comes, and says from which ordered queues it took lately. */
export async function worker(party: Party, seen: ReturnType<typeof history>) {
  const at = new Map<string, number>()
  const consumer = await party.transport.subscribe({ kind: 'group', ...billing, window: 20 }, (deliveries) => {
    for (const delivery of deliveries) {
      const [id, key, sequence] = Buffer.from(delivery.body).toString().split(' ')
      if (id !== undefined && sequence !== undefined) seen.processed({ id, group: 'billing', key, sequence: Number(sequence) })
      at.set(delivery.origin.address, performance.now())
      setImmediate(() => delivery.settle('ack'))
    }
  })

  return { party, consumer, recent: () => [...at].filter(([, when]) => performance.now() - when < 400).map(([queue]) => queue) }
}

/** Publishes on all keys, some messages at a time, until it is stopped. */
export function loadOn(party: Party, seen: ReturnType<typeof history>) {
  let sequence = 0
  let isOver = false
  let running: Promise<void> = Promise.resolve()
  const round = async (): Promise<void> => {
    while (!isOver) {
      await eventually(() => isOver || party.transport.writable, { within: 60_000 })
      sequence++
      const batch = Array.from({ length: keys }, (_, key) => ({ id: `${key}-${sequence}`, key: `key-${key}` }))
      for (const { id } of batch) seen.attempted(id)
      const outcomes = await send(party, ...batch.map(({ id, key }) => message(`${id} ${key} ${sequence}`, { key, id })))
      for (const [index, { kind }] of outcomes.entries()) seen[kind === 'unroutable' ? 'rejected' : kind](batch[index]?.id ?? '')
    }
  }

  return {
    start() {
      running = round()
    },
    stop() {
      isOver = true

      return running
    },
  }
}
