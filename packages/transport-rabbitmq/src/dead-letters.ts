import { type DeadLetterAccess, type GroupAddress, header, type RawDelivery, type Runtime, WaybillError } from '@waybill/core'
import type { GetMessage } from 'amqplib/callback_api'
import type { Connection } from './connection.js'
import { openQuietChannel } from './declarations.js'
import { type Channel, call, closeChannel, type Model } from './driver.js'
import { lookAlone } from './look.js'
import { refusalOfDeclare, replyCodeOf } from './refusal.js'
import type { Names } from './topology.js'
import { receivedHeaders, RabbitDelivery, type Settler } from './wire.js'

// A letter that is shown is settled by the answer that `take` gets, and by nothing else.
const shown: Settler = { isStale: false, settle: () => undefined }

/** Looks at dead letters by getting and returning them: AMQP has no other way. So the broker's delivery count rises with each look, and one looks after another. */
export class DeadLetters implements DeadLetterAccess {
  readonly #connection: () => Connection | undefined
  readonly #names: Names
  readonly #runtime: Runtime
  /** Per queue, the look that is under way: two at once would show each half. */
  readonly #busy = new Map<string, Promise<unknown>>()

  constructor(connection: () => Connection | undefined, names: Names, runtime: Runtime) {
    this.#connection = connection
    this.#names = names
    this.#runtime = runtime
  }

  async list(of: GroupAddress, limit: number): Promise<readonly RawDelivery[]> {
    const letters: RawDelivery[] = []
    await this.take(of, limit, async (letter) => {
      letters.push(letter)

      return 'keep'
    })

    return letters
  }

  take(of: GroupAddress, limit: number, decide: (letter: RawDelivery) => Promise<'remove' | 'keep' | 'stop'>): Promise<number> {
    const queue = this.#names.deadQueue(of.channel, of.group)
    const take = () => this.#take(queue, limit, decide)
    const mine = (this.#busy.get(queue) ?? Promise.resolve()).then(take, take)
    const settled = mine.then(
      () => undefined,
      () => undefined,
    )
    this.#busy.set(queue, settled)
    void settled.then(() => this.#busy.get(queue) === settled && this.#busy.delete(queue))

    return mine
  }

  async #take(queue: string, limit: number, decide: (letter: RawDelivery) => Promise<'remove' | 'keep' | 'stop'>): Promise<number> {
    const model = this.#connection()?.model
    if (!model) throw new WaybillError('NOT_CONNECTED', `The dead letters in queue "${queue}" cannot be read: there is no connection to RabbitMQ. Try again when it is back.`)

    return lookAlone(model, queue, this.#runtime, () => look(model, queue, limit, decide))
  }
}

async function look(model: Model, queue: string, limit: number, decide: (letter: RawDelivery) => Promise<'remove' | 'keep' | 'stop'>): Promise<number> {
  const channel = await openQuietChannel(model)
  try {
    return await showAll(channel, queue, limit, decide)
  } catch (error) {
    throw replyCodeOf(error) === undefined ? error : refusalOfDeclare(error, `queue "${queue}"`)
  } finally {
    // Its goodbye proves that the acks before it arrived.
    await closeChannel(channel)
  }
}

async function showAll(channel: Channel, queue: string, limit: number, decide: (letter: RawDelivery) => Promise<'remove' | 'keep' | 'stop'>): Promise<number> {
  const kept: GetMessage[] = []
  let removed = 0
  try {
    for (let i = 0; i < limit; i++) {
      const message = await call<GetMessage | false>((done) => channel.get(queue, { noAck: false }, done))
      if (!message) break
      kept.push(message)
      const answer = await decide(letterOf(message, queue))
      if (answer === 'stop') break
      if (answer === 'keep') continue
      channel.ack(message)
      kept.pop()
      removed++
    }
  } finally {
    for (const message of kept) channel.nack(message, false, true)
  }

  return removed
}

function letterOf(message: GetMessage, queue: string): RawDelivery {
  return new RabbitDelivery(message, queue, shown, withDeath(receivedHeaders(message.properties.headers)))
}

/** A letter that the broker made itself lacks our headers: they are filled in with what it tells. */
function withDeath(headers: Record<string, unknown>): Record<string, unknown> {
  const [death] = Array.isArray(headers['x-death']) ? (headers['x-death'] as unknown[]) : []
  if (headers[header.deadReason] !== undefined || typeof death !== 'object' || death === null) return headers
  const { count, exchange, queue, reason, time, 'routing-keys': keys } = death as Record<string, unknown>
  const seconds = (time as { value?: unknown } | undefined)?.value
  const [routingKey] = Array.isArray(keys) ? (keys as unknown[]) : []
  headers[header.deadReason] = `broker-${String(reason)}`
  headers[header.deadMessage] = `RabbitMQ moved it out of queue "${String(queue)}" by itself: ${String(reason)}.`
  headers[header.deadOrigin] = JSON.stringify({ address: queue, exchange, routingKey })
  if (typeof count === 'number') headers[header.deadAttempts] = count
  if (typeof seconds === 'number') headers[header.deadTime] = new Date(seconds * 1_000).toISOString()

  return headers
}
