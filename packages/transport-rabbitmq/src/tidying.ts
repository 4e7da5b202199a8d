import type { Removal, RemoveOptions } from '@waybill/core'
import { countOf } from '@waybill/core'
import { openQuietChannel } from './declarations.js'
import { call, type Channel, closeChannel, type Model } from './driver.js'
import type { FoundBinding, Survey } from './management.js'
import { replyCodeOf, sentenceOf } from './refusal.js'
import type { Leftover, QueueState } from './unused.js'

/** How much waits in each queue, and how many take from it, told by AMQP: the HTTP API is some seconds late. A queue that is gone is left out. */
export async function statesOf(model: Model, queues: readonly string[]): Promise<Map<string, QueueState>> {
  const states = new Map<string, QueueState>()
  for (const queue of queues) {
    const state = await stateOf(model, queue)
    if (state) states.set(queue, state)
  }

  return states
}

/** Removes one thing that nobody needs, unless somebody does now or the broker refuses: then it says so, and the next one has its turn. */
export async function removeLeftover(model: Model, leftover: Leftover, survey: Survey, options: RemoveOptions): Promise<Removal> {
  try {
    return await removeOne(model, leftover, survey, options)
  } catch (error) {
    const said = sentenceOf(error)

    return kept(leftover.thing, replyCodeOf(error) === undefined ? `the connection was lost, so look again: "${said}"` : `RabbitMQ refuses: "${said}"`)
  }
}

async function removeOne(model: Model, leftover: Leftover, survey: Survey, options: RemoveOptions): Promise<Removal> {
  const { messages, thing } = leftover
  if (leftover.kind === 'queue' && messages > 0 && !options.withMessages) return kept(thing, waiting(messages))
  if (options.dryRun) return { thing, isRemoved: true, reason: undefined, messages }
  if (leftover.kind === 'queue') return removeQueue(model, leftover, survey, options)
  const channel = await openQuietChannel(model)
  if (leftover.kind === 'binding') for (const table of tablesOf(leftover.binding)) await bound(channel, { ...leftover.binding, arguments: table }, 'unbindQueue')
  else await call((done) => channel.deleteExchange(leftover.name, { ifUnused: true }, done))
  await closeChannel(channel)

  return { thing, isRemoved: true, reason: undefined, messages: 0 }
}

/** The HTTP API tells no integer's type, and the broker knows a binding by that too. To unbind what is not there does nothing. */
function tablesOf({ arguments: given }: FoundBinding): Readonly<Record<string, unknown>>[] {
  if (!Object.values(given).some(Number.isInteger)) return [given]
  const typed = (type: string): Record<string, unknown> =>
    Object.fromEntries(Object.entries(given).map(([name, value]) => [name, Number.isInteger(value) ? { '!': type, value } : value]))

  return [given, typed('int'), typed('long')]
}

export function kept(thing: string, reason: string): Removal {
  return { thing, isRemoved: false, reason, messages: 0 }
}

// Quorum queues cannot be told to go only while they are empty. So nothing may enter any more, then it is looked at, and then it goes.
async function removeQueue(model: Model, { name, thing }: Leftover, { bindings }: Survey, { withMessages = false }: RemoveOptions): Promise<Removal> {
  const own = bindings.filter(({ destination, destination_type, source }) => source !== '' && destination_type === 'queue' && destination === name)
  try {
    const channel = await openQuietChannel(model)
    for (const one of own) await bound(channel, one, 'unbindQueue')
    const state = await stateOf(model, name)
    const reason = state && reasonToKeep(state, withMessages)
    if (reason !== undefined) {
      await bindAgain(model, own)

      return kept(thing, reason)
    }
    const { messageCount } = await call<{ messageCount: number }>((done) => channel.deleteQueue(name, {}, done))
    await closeChannel(channel)

    return { thing, isRemoved: true, reason: undefined, messages: messageCount }
  } catch (error) {
    await bindAgain(model, own)
    throw error
  }
}

/** What stays must get what it got before. */
async function bindAgain(model: Model, own: readonly FoundBinding[]): Promise<void> {
  const channel = await openQuietChannel(model)
  for (const one of own) await bound(channel, one, 'bindQueue')
  await closeChannel(channel)
}

function reasonToKeep({ consumers, messages }: QueueState, withMessages: boolean): string | undefined {
  if (consumers > 0) return 'it has a consumer now'

  return messages > 0 && !withMessages ? waiting(messages) : undefined
}

function waiting(messages: number): string {
  return `${countOf(messages, 'message waits', 'messages wait')} in it: \`withMessages\` removes it all the same`
}

function bound(channel: Channel, { arguments: more, destination, routing_key, source }: FoundBinding, verb: 'bindQueue' | 'unbindQueue'): Promise<unknown> {
  return call((done) => channel[verb](destination, source, routing_key, more, done))
}

/** Undefined: there is no such queue. */
export async function stateOf(model: Model, queue: string): Promise<QueueState | undefined> {
  const channel = await openQuietChannel(model)
  try {
    const { consumerCount, messageCount } = await call<{ consumerCount: number; messageCount: number }>((done) => channel.checkQueue(queue, done))
    await closeChannel(channel)

    return { consumers: consumerCount, messages: messageCount }
  } catch (error) {
    if ((error as { code?: unknown }).code === 404) return undefined
    throw error
  }
}
