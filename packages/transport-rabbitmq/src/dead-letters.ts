import { type DeadLetterAccess, type GroupAddress, header, type RawDelivery, type Runtime, type TransportHost, Turns, WaybillError } from '@waybill/core'
import type { Message } from 'amqplib/callback_api'
import type { Connection } from './connection.js'
import { openQuietChannel } from './declarations.js'
import { closeChannel, type Model } from './driver.js'
import { Hand } from './hand.js'
import { lookAlone } from './look.js'
import { refusalOfLook, replyCodeOf } from './refusal.js'
import type { Names } from './topology.js'
import { receivedHeaders, RabbitDelivery, type Settler } from './wire.js'

type Decide = Parameters<DeadLetterAccess['take']>[2]

interface Wanted {
  readonly limit: number
  readonly decide: Decide
}

// A letter that is shown is settled by the answer that `take` gets, and by nothing else.
const shown: Settler = { isStale: false, settle: () => undefined }

/** Looks at dead letters by taking and returning them: AMQP has no other way. So the broker's delivery count rises with each look, and one looks after another. */
export class DeadLetters implements DeadLetterAccess {
  readonly #connection: () => Connection | undefined
  readonly #names: Names
  readonly #host: Pick<TransportHost, 'log' | 'runtime'>
  /** Per queue, the look that is under way: two at once would show each half. */
  readonly #turns = new Turns()

  constructor(connection: () => Connection | undefined, names: Names, host: Pick<TransportHost, 'log' | 'runtime'>) {
    this.#connection = connection
    this.#names = names
    this.#host = host
  }

  async list(of: GroupAddress, limit: number): Promise<readonly RawDelivery[]> {
    const letters: RawDelivery[] = []
    await this.take(of, limit, async (letter) => {
      letters.push(letter)

      return 'keep'
    })

    return letters
  }

  take(of: GroupAddress, limit: number, decide: Decide): Promise<number> {
    const queue = this.#names.deadQueue(of.channel, of.group)

    return this.#turns.take(queue, () => this.#take(queue, limit, decide))
  }

  async #take(queue: string, limit: number, decide: Decide): Promise<number> {
    const model = this.#connection()?.model
    if (!model) throw new WaybillError('NOT_CONNECTED', `The dead letters in queue "${queue}" cannot be read: there is no connection to RabbitMQ. Try again when it is back.`)

    const { log, runtime } = this.#host

    return lookAlone({ model, queue, runtime, log }, () => look(model, queue, runtime, { limit, decide }))
  }
}

async function look(model: Model, queue: string, runtime: Runtime, { limit, decide }: Wanted): Promise<number> {
  const channel = await openQuietChannel(model)
  const hand = new Hand(channel, queue, runtime)
  try {
    await hand.fill(limit)
    const removed = await decideEach(hand, queue, { limit, decide })
    await hand.putBack()

    return removed
  } catch (error) {
    // A channel that is closed has put back what it had.
    await hand.putBack().catch(() => undefined)
    throw replyCodeOf(error) === undefined ? error : refusalOfLook(error, queue)
  } finally {
    await closeChannel(channel)
  }
}

async function decideEach(hand: Hand, queue: string, { limit, decide }: Wanted): Promise<number> {
  let removed = 0
  for (const message of hand.messages.slice(0, limit)) {
    const answer = await decide(letterOf(message, queue))
    if (answer === 'stop') break
    if (answer === 'keep') continue
    hand.remove(message)
    removed++
  }

  return removed
}

function letterOf(message: Message, queue: string): RawDelivery {
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
