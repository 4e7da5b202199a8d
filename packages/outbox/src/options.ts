import { type Duration, type Fault, parseDuration, unknownOptions } from '@waybill/core'

export interface OutboxOptions {
  /** false: this process writes and leaves the sending to another one. Default: true. */
  readonly relay?: boolean
  /** How many rows are read at a time at most, of 4 MiB; fewer while the broker is slow. Up to two pages are under way. Default: 2,000. */
  readonly page?: number
  /** How long a relay that died keeps its place; the next one takes over after it. Default: 15 s. */
  readonly lease?: Duration
  /** The longest wait between two looks at an idle store. Default: 250 ms. */
  readonly poll?: Duration
  /** How long the inbox remembers what was processed. Longer than any redelivery, redrives included. Default: 7 d. */
  readonly keepInbox?: Duration
  /** How often what is done is cleaned up. Default: 1 m. */
  readonly cleanUp?: Duration
  /** How many tries a row has that its broker refuses while it takes others. Default: 10. */
  readonly attempts?: number
  /** Messages of one key are sent one after another's confirm: a refused one is never overtaken. Default: true. */
  readonly strictKeyOrder?: boolean
  /** How many messages may wait for one transport; where more do, what is published in a transaction for it is refused with `OUTBOX_FULL`. Default: as many as there are. */
  readonly backlog?: number
}

export interface ResolvedOptions {
  readonly relay: boolean
  readonly page: number
  readonly leaseMs: number
  readonly pollMs: number
  readonly keepInboxMs: number
  readonly cleanUpMs: number
  readonly attempts: number
  readonly strictKeyOrder: boolean
  readonly backlog: number | undefined
  readonly faults: readonly Fault[]
}

const known = ['relay', 'page', 'lease', 'poll', 'keepInbox', 'cleanUp', 'attempts', 'strictKeyOrder', 'backlog']

/** Every default filled in, every fault found. */
export function resolveOptions(given: OutboxOptions): ResolvedOptions {
  const isObject = typeof given === 'object' && given !== null
  const options = isObject ? given : {}
  const faults = unknownOptions('outbox()', options, known)
  if (!isObject) faults.push({ code: 'OUTBOX_OPTIONS', message: `outbox() takes an object of options after its store; found ${String(given)}. Leave it out for the defaults.` })
  const whole = (name: 'page' | 'attempts' | 'backlog', otherwise: number, most: number): number => {
    const given = options[name] ?? otherwise
    if (Number.isSafeInteger(given) && given >= 1 && given <= most) return given
    faults.push({ code: 'NUMBER', message: `outbox(): "${name}" is a whole number from 1 to ${most}; found ${JSON.stringify(given)}.` })

    return otherwise
  }
  const time = (name: 'lease' | 'poll' | 'keepInbox' | 'cleanUp', otherwise: Duration, least: number): number => {
    const ms = parseDuration(options[name] ?? otherwise)
    if (ms !== undefined && ms >= least) return ms
    faults.push({ code: 'DURATION', message: `outbox(): "${name}" is a duration of at least ${least} ms, such as "${otherwise}"; found ${JSON.stringify(options[name])}.` })

    return parseDuration(otherwise) ?? least
  }
  const flag = (name: 'relay' | 'strictKeyOrder'): boolean => {
    const given: unknown = options[name] ?? true
    if (typeof given !== 'boolean') faults.push({ code: 'OUTBOX_OPTIONS', message: `outbox(): "${name}" is true or false; found ${JSON.stringify(given)}.` })

    return given !== false
  }

  return Object.freeze({
    relay: flag('relay'),
    page: whole('page', 2_000, 10_000),
    leaseMs: time('lease', '15s', 300),
    pollMs: time('poll', '250ms', 1),
    keepInboxMs: time('keepInbox', '7d', 60_000),
    cleanUpMs: time('cleanUp', '1m', 1_000),
    attempts: whole('attempts', 10, 1_000_000),
    strictKeyOrder: flag('strictKeyOrder'),
    backlog: options.backlog === undefined ? undefined : whole('backlog', 1, Number.MAX_SAFE_INTEGER),
    faults,
  })
}
