import type { Runtime } from '@waybill/core'
import type { Options } from 'amqplib/callback_api'
import { type Channel, call, type ConfirmChannel, type Model } from './driver.js'
import type { FoundBinding, Survey } from './management.js'
import { signpost, type SignpostPlace } from './moving-names.js'
import { preconditionFailed, replyCodeOf } from './refusal.js'

/** So often it is looked whether somebody bound an old queue again. */
export const rebindMs = 1_000

/** What every move needs. */
export interface MovingParts {
  readonly model: Model
  readonly survey: Survey
  /** Surveys anew. */
  readonly look: () => Promise<Survey>
  /** Who takes from a queue, for people. */
  readonly holders: (queue: string) => Promise<readonly string[]>
  readonly runtime: Runtime
  /** How long nothing may change while it waits. */
  readonly patienceMs: number
}

/** How far a move is, kept at the broker: keys of the binding between bypass and waiting queue, which nothing is routed by. */
export type Mark = 'closed' | 'filled'

/** Told before each thing that is done. What it throws ends the move there. */
export type TellStep = (step: string, waiting?: number) => unknown

/** A queue whose inflow is turned, and the exchange through which all of that comes meanwhile. */
export interface Inflow {
  readonly queue: string
  readonly entry: string
  readonly sources: readonly FoundBinding[]
}

/** By what messages come to a queue itself, not through its entry. */
export function sourcesOf(survey: Survey, queue: string, entry: string): FoundBinding[] {
  return survey.bindings.filter(({ destination, destination_type, source }) => destination_type === 'queue' && destination === queue && source !== '' && source !== entry)
}

/** By what messages come to an entry. */
export function throughOf(survey: Survey, entry: string): FoundBinding[] {
  return survey.bindings.filter(({ destination, destination_type }) => destination_type === 'exchange' && destination === entry)
}

export function isMarked(survey: Survey, bypass: string, mark: Mark): boolean {
  return survey.bindings.some(({ routing_key, source }) => source === bypass && routing_key === mark)
}

// A queue that is reached on two ways gets a message once, so nothing is lost or doubled while the bindings change.
export async function ledThrough(channel: Channel, { entry, queue, sources }: Inflow, tell: TellStep): Promise<void> {
  await tell('the entry leads to the old queue')
  await call((done) => channel.bindQueue(queue, entry, '', {}, done))
  for (const { arguments: more, routing_key, source } of sources) {
    await tell(`"${routing_key}" comes through the entry`)
    await call((done) => channel.bindExchange(entry, source, routing_key, more, done))
  }
}

export async function detached(channel: Channel, { queue, sources }: Inflow, tell: TellStep): Promise<void> {
  for (const { arguments: more, routing_key, source } of sources) {
    await tell(`"${routing_key}" comes through the entry alone`)
    await call((done) => channel.unbindQueue(queue, source, routing_key, more, done))
  }
}

export async function openConfirms(model: Model): Promise<ConfirmChannel> {
  const channel = await call<ConfirmChannel>((done) => model.createConfirmChannel(done))
  channel.on('error', () => undefined)

  return channel
}

/** What stands behind it comes from somewhere else than the inflow. */
export function putEnd(channel: ConfirmChannel, queue: string): Promise<unknown> {
  return putSignpost(channel, queue, 'end')
}

/** A queue with a signpost at its head: both at once, for nothing shall come in before the signpost. False: it is there with other arguments, and the channel is gone. */
export async function madeWithHead(channel: ConfirmChannel, queue: string, shape: Options.AssertQueue['arguments']): Promise<boolean> {
  try {
    await Promise.all([call((done) => channel.assertQueue(queue, { durable: true, arguments: shape }, done)), putSignpost(channel, queue, 'head')])

    return true
  } catch (error) {
    if (replyCodeOf(error) === preconditionFailed) return false
    throw error
  }
}

function putSignpost(channel: ConfirmChannel, queue: string, place: SignpostPlace): Promise<unknown> {
  return call<unknown>((done) => channel.sendToQueue(queue, Buffer.alloc(0), { persistent: true, type: signpost, messageId: place }, done))
}

/** Of the queue in which messages wait: what they may be delivered how often is not counted there. */
export function waitingArguments(isOrdered: boolean): Record<string, unknown> {
  return { 'x-queue-type': 'quorum', 'x-delivery-limit': 1_000_000_000, ...(isOrdered ? { 'x-single-active-consumer': true } : {}) }
}
