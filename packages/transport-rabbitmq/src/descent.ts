import type { Outgoing } from '@waybill/core'
import type { Names } from './topology.js'

/** The delay ladder, one for all apps of a vhost: its exchanges and queues, and where ends what found no queue at its end. */
export const ladder = { name: 'waybill.delay', lost: 'waybill.delay.lost', unheard: 'waybill.delay.unheard' } as const

/** Rungs of 1, 2, 4 … seconds: together eight and a half years. */
export const rungs = 28
/** In a capital, which no type of a message has: nothing else that passes matches the ladder's bindings. */
export const mark = 'D'
const longestKey = 255

/** Where a delayed message ends, by its kind: one queue; an exchange where somebody must be; one where nobody need be. */
export type EndKind = 'queue' | 'must' | 'may'

/** The way of one message down the ladder. */
export interface Descent {
  readonly exchange: string
  /** The delay in bits, the highest first, and where it ends. */
  readonly routingKey: string
  /** Further routing keys, by which the exchange at the end knows it. */
  readonly copies: readonly string[] | undefined
  /** The highest rung that it needs. */
  readonly rung: number
  readonly end: { readonly kind: 'queue' | 'exchange'; readonly name: string }
}

/** Where a delayed message enters the ladder and ends, or the reason why it cannot. */
export function descentOf(message: Outgoing, names: Names): Descent | string {
  const { delayMs = 0, envelope, expiresMs, mandatory, to } = message
  if (to.kind === 'reply' || to.kind === 'dead') return 'a reply and a dead letter cannot be delayed'
  if (expiresMs !== undefined) return 'RabbitMQ forgets when a message expires while it delays it. Give "delay" or "expires", not both'
  const seconds = Math.ceil(delayMs / 1_000)
  if (seconds >= 2 ** rungs) return `its delay of ${seconds} s is longer than the ladder, which ends at ${2 ** rungs - 1} s`
  const end =
    to.kind === 'group'
      ? ({ kind: 'queue', name: names.queueOf(to.channel, to.group, envelope.subject) } as const)
      : ({ kind: 'exchange', name: names.exchange(to.channel) } as const)
  const kind: EndKind = to.kind === 'group' ? 'queue' : mandatory ? 'must' : 'may'
  const routingKey = [mark, ...bitsOf(seconds), kind, end.name].join('.')
  if (Buffer.byteLength(routingKey) > longestKey || /(^|\.)[*#](\.|$)/.test(end.name))
    return `the name of the ${end.kind} "${end.name}" is too long for the delay ladder, or a word of it is a wildcard`
  const rung = seconds <= 1 ? 0 : Math.floor(Math.log2(seconds))

  return {
    exchange: `${ladder.name}.${rung}`,
    routingKey,
    rung,
    end,
    copies: to.kind === 'channel' ? entryKeys(names.route(to.channel, envelope.type, envelope.subject)) : undefined,
  }
}

/** All by which the exchange at the end may know it. */
function entryKeys({ copies = [], routingKey }: { readonly routingKey: string; readonly copies: readonly string[] | undefined }): string[] {
  return [routingKey, ...copies]
}

/** Whether a message came down the ladder. */
export function isDescended(exchange: string, routingKey: string): boolean {
  return exchange.startsWith(ladder.name) && routingKey.startsWith(`${mark}.`)
}

/** Whether a message that came down the ladder was for this queue alone. */
export function endsAt(routingKey: string, queue: string): boolean {
  return routingKey.endsWith(`.queue.${queue}`) && routingKey.split('.', rungs + 2)[rungs + 1] === 'queue'
}

function bitsOf(seconds: number): string[] {
  return seconds.toString(2).padStart(rungs, '0').split('')
}
