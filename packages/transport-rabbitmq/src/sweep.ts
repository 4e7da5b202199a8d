import type { Runtime } from '@waybill/core'
import type { ConsumeMessage } from 'amqplib/callback_api'
import { openQuietChannel } from './declarations.js'
import { type Channel, call, closeChannel, type ConfirmChannel, type Model } from './driver.js'
import { signpost, type SignpostPlace } from './moving-names.js'
import { stateOf } from './tidying.js'

const periodMs = 20
const prefetch = 500
/** Who is shown nothing for so long stands behind another consumer. */
const patienceMs = 2_000

export interface SweepParts {
  readonly model: Model
  /** On which messages are sent on. */
  readonly confirms: ConfirmChannel
  readonly queue: string
  /** Where messages go that still stand in the queue: by the exchange with the routing key that they came by, or to the queue where they were sent to that itself. */
  readonly to: { readonly exchange: string; readonly queue: string }
  readonly runtime: Runtime
  /** What stands before the signpost is somebody else's to take: sent on it would come behind what is there already. */
  readonly keepsOrder: boolean
}

/**
 * Deletes a queue that nobody takes from. What stands in it behind the signpost (a redrive, something handed back late) is sent on first.
 * False: something stands before the signpost, or somebody came; the queue is as it was.
 */
export async function swept(parts: SweepParts): Promise<boolean> {
  if (parts.keepsOrder && !(await beginsWithEnd(parts))) return false
  const channel = await openQuietChannel(parts.model)
  const isEmpty = await sentOn(parts, channel, await takingFrom(channel, parts.queue, prefetch))
  if (isEmpty) await call((done) => channel.deleteQueue(parts.queue, {}, done))
  await closeChannel(channel)

  return isEmpty
}

// Each look counts as a delivery, and those are limited, so what has to stay where it is costs one message a look and no more.
async function beginsWithEnd({ model, queue, runtime }: SweepParts): Promise<boolean> {
  const channel = await openQuietChannel(model)
  const first = await firstBehindHead(channel, queue, runtime)
  await closeChannel(channel)

  return first !== undefined && isSignpost(first)
}

/**
 * Takes the signpost off the head of a queue that nobody takes from: it is of an earlier move, and nobody has come by since. Whoever comes during the next one
 * would be sent away by it, from messages that are to be taken.
 */
export async function freed({ model, queue, runtime }: Pick<SweepParts, 'model' | 'queue' | 'runtime'>): Promise<void> {
  const state = await stateOf(model, queue)
  if (!state || state.consumers > 0 || state.messages === 0) return
  const channel = await openQuietChannel(model)
  await firstBehindHead(channel, queue, runtime)
  await closeChannel(channel)
}

async function firstBehindHead(channel: Channel, queue: string, runtime: Runtime): Promise<ConsumeMessage | undefined> {
  const got = await takingFrom(channel, queue, 1)
  let first = await firstOf(got, runtime)
  for (; first && isAtHead(first); first = await firstOf(got, runtime)) channel.ack(first)

  return first
}

async function firstOf(got: ConsumeMessage[], runtime: Runtime): Promise<ConsumeMessage | undefined> {
  for (const end = runtime.elapsed() + patienceMs; got.length === 0 && runtime.elapsed() < end; ) await pause(runtime)

  return got.shift()
}

async function takingFrom(channel: Channel, queue: string, count: number): Promise<ConsumeMessage[]> {
  const got: ConsumeMessage[] = []
  await call((done) => channel.prefetch(count, false, done))
  await call((done) => channel.consume(queue, (message) => void (message && got.push(message)), {}, done))

  return got
}

async function sentOn({ confirms, keepsOrder, queue, runtime, to }: SweepParts, channel: Channel, got: ConsumeMessage[]): Promise<boolean> {
  let hasMet = false
  for (const end = runtime.elapsed() + patienceMs; ; ) {
    for (let next = got.shift(); next; next = got.shift()) {
      const isPost = isSignpost(next)
      hasMet ||= isPost
      if (!hasMet && keepsOrder) return false
      if (isPost) continue
      await resent(confirms, to, next)
      channel.ack(next)
    }
    // Told on the channel of the deliveries, so none is under way behind the answer.
    const { consumerCount, messageCount } = await call<{ consumerCount: number; messageCount: number }>((done) => channel.checkQueue(queue, done))
    // Behind another consumer of an ordered queue nothing is shown, and all of it may be in that one's hands.
    const hasSeenAll = hasMet || !keepsOrder
    if (consumerCount > 1 || (!hasSeenAll && runtime.elapsed() >= end)) return false
    if (hasSeenAll && messageCount === 0 && got.length === 0) return true
    if (got.length === 0) await pause(runtime)
  }
}

function pause(runtime: Runtime): Promise<void> {
  return new Promise((resolve) => void runtime.after(periodMs, resolve))
}

export function isSignpost({ fields, properties }: ConsumeMessage): boolean {
  return fields.exchange === '' && properties.type === signpost
}

function isAtHead(message: ConsumeMessage): boolean {
  return isSignpost(message) && message.properties.messageId === ('head' satisfies SignpostPlace)
}

function resent(confirms: ConfirmChannel, to: SweepParts['to'], { content, fields, properties }: ConsumeMessage): Promise<unknown> {
  const isDirect = fields.exchange === ''
  // The user's name is left out: the broker closes a channel on which another stands.
  const { userId: _userId, ...rest } = properties
  const { 'x-delivery-count': _count, ...headers } = (properties.headers ?? {}) as Record<string, unknown>

  return call<unknown>((done) => confirms.publish(isDirect ? '' : to.exchange, isDirect ? to.queue : fields.routingKey, content, { ...rest, headers, persistent: true }, done))
}
