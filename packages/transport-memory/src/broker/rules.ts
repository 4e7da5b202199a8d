import { suggest } from '@waybill/core'

/** As AMQP has them: `{ 'x-max-length': 1000 }`. */
export type QueueArguments = Readonly<Record<string, string | number | boolean>>

/** What the arguments of a queue mean, with every default. */
export interface QueueRules {
  /** Of messages that wait or are delayed; those delivered and unsettled do not count. */
  readonly maxLength: number
  /** Of their bodies. */
  readonly maxBytes: number
  /** What a full queue does: refuse the new one, or move its oldest to the dead letters. */
  readonly overflow: 'reject-publish' | 'drop-head'
  readonly ttlMs: number | undefined
  readonly maxPriority: number
  readonly singleActive: boolean
  /** After so many deliveries it goes to the dead letters instead of back. */
  readonly deliveryLimit: number
  /** The queue of its dead letters. */
  readonly deadLetters: string | undefined
}

/** What an app may say about its queues in `channels`. */
export const userArguments = ['x-max-length', 'x-max-length-bytes', 'x-overflow', 'x-message-ttl', 'x-max-priority'] as const

/** The rest is for the adapter, and for queues that a test declares. */
export const allArguments = [...userArguments, 'x-single-active-consumer', 'x-delivery-limit', 'x-dead-letter-exchange', 'x-dead-letter-routing-key'] as const

export function resolveRules(args: QueueArguments): QueueRules {
  return Object.freeze({
    maxLength: numberOr(args['x-max-length'], Number.POSITIVE_INFINITY),
    maxBytes: numberOr(args['x-max-length-bytes'], Number.POSITIVE_INFINITY),
    overflow: args['x-overflow'] === 'drop-head' ? 'drop-head' : 'reject-publish',
    ttlMs: typeof args['x-message-ttl'] === 'number' ? args['x-message-ttl'] : undefined,
    maxPriority: numberOr(args['x-max-priority'], 9),
    singleActive: args['x-single-active-consumer'] === true,
    deliveryLimit: numberOr(args['x-delivery-limit'], Number.POSITIVE_INFINITY),
    deadLetters: typeof args['x-dead-letter-routing-key'] === 'string' ? args['x-dead-letter-routing-key'] : undefined,
  })
}

/** A sentence for each argument that a memory queue cannot honour. */
export function faultsOfArguments(owner: string, args: QueueArguments, known: readonly string[]): string[] {
  return Object.entries(args).flatMap(([name, value]) => {
    if (!known.includes(name)) return [`${owner} has the argument "${name}", which the memory broker cannot honour.${suggest(name, known)} It knows ${known.join(', ')}.`]
    const expected = expectations[name]
    if (expected === undefined || expected.holds(value)) return []

    return [`${owner} has the argument "${name}": expected ${expected.text}, found ${JSON.stringify(value)}.`]
  })
}

interface Expectation {
  readonly text: string
  holds(value: unknown): boolean
}

const count: Expectation = { text: 'a whole number, at least 1', holds: (v) => Number.isSafeInteger(v) && Number(v) >= 1 }
const flag: Expectation = { text: 'true or false', holds: (v) => typeof v === 'boolean' }

const expectations: Readonly<Record<string, Expectation>> = {
  'x-max-length': count,
  'x-max-length-bytes': count,
  'x-overflow': { text: '"reject-publish" or "drop-head"', holds: (v) => v === 'reject-publish' || v === 'drop-head' },
  'x-message-ttl': count,
  'x-max-priority': { text: 'a whole number of 1 to 255', holds: (v) => count.holds(v) && Number(v) <= 255 },
  'x-single-active-consumer': flag,
  'x-delivery-limit': count,
  'x-dead-letter-exchange': { text: '"", the default exchange', holds: (v) => v === '' },
  'x-dead-letter-routing-key': { text: 'the name of the queue of dead letters', holds: (v) => typeof v === 'string' && v !== '' },
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}
