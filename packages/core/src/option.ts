import { parseDuration } from './duration.js'
import type { Complain } from './fault.js'
import { describeFound } from './found.js'

/** Options as a user gave them: nothing is certain. */
export type Options = Readonly<Record<string, unknown>>

interface Rule {
  /** The option that this one stands in. */
  readonly of?: string
  readonly otherwise: number
  readonly required?: true
}

/** The longest time that a timer of the platform keeps; a longer one would end at once. */
export const longestMs = 2_147_483_647

/** The milliseconds of a duration option; its default where it is missing or no duration, which is a fault. */
export function durationOption(options: Options, option: string, fault: Complain, rule: Rule): number {
  const given = options[option]
  if (given === undefined && !rule.required) return rule.otherwise
  const ms = durationOf(given)
  if (ms !== undefined) return ms
  fault('DURATION', faultOfDuration(rule.of ? `${rule.of}.${option}` : option, given))

  return rule.otherwise
}

/** Milliseconds that a timer can keep; undefined for everything else. */
export function durationOf(given: unknown): number | undefined {
  const ms = parseDuration(given)

  return ms !== undefined && ms > 0 && ms <= longestMs ? ms : undefined
}

/** The sentence about something that is to be a duration and is none. */
export function faultOfDuration(option: string, given: unknown): string {
  return `\`${option}\` is a duration above zero and below 25 days, a number with ms, s, m, h or d: "250ms", "10s", "1.5h"; found ${describeFound(given)}.${repair(given)}`
}

/** The whole number of an option; its default where it is missing or out of range, which is a fault. */
export function numberOption(options: Options, option: string, fault: Complain, rule: Rule & { readonly min: number; readonly max: number }): number {
  const given = options[option]
  if (given === undefined && !rule.required) return rule.otherwise
  if (Number.isSafeInteger(given) && Number(given) >= rule.min && Number(given) <= rule.max) return Number(given)
  fault('NUMBER', `\`${rule.of ? `${rule.of}.` : ''}${option}\` is a whole number from ${rule.min} to ${rule.max}; found ${describeFound(given)}.`)

  return rule.otherwise
}

const units: Readonly<Record<string, string>> = { ms: 'ms', milli: 'ms', s: 's', sec: 's', m: 'm', min: 'm', h: 'h', hour: 'h', d: 'd', day: 'd' }

/** What was probably meant: `5 minutes` is `5m`, a bare number is milliseconds elsewhere. */
function repair(given: unknown): string {
  if (typeof given === 'number' && given > 0) return ` Did you mean "${given}ms"?`
  const found = typeof given === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*(milli|ms|sec|s|min|m|hour|h|day|d)[a-z]*\s*$/i.exec(given) : null

  return found && parseDuration(given) === undefined ? ` Did you mean "${found[1]}${units[(found[2] ?? '').toLowerCase()]}"?` : ''
}
