import { createHash } from 'node:crypto'
import { parseJson } from './codec.js'
import { type Complain, suggest } from './fault.js'
import { describeFound, isRecord } from './found.js'
import type { LogFields } from './logger.js'

/**
 * How a field of a payload stands in log lines: as it is, as a short hash that finds its like, as its last four characters, or as the function says,
 * which is given it as text.
 */
export type LoggedAs = 'shown' | 'hashed' | 'last4' | ((text: string) => string)

/** By the field of the payload, as the wire has it. */
export type Logged = Readonly<Record<string, LoggedAs>>

const longest = 100

const masks: Readonly<Record<Exclude<LoggedAs, (text: string) => string>, (text: string) => string>> = {
  shown: (text) => text,
  hashed: (text) => createHash('sha256').update(text).digest('hex').slice(0, 12),
  // Of what is short, four characters would be most of it.
  last4: (text) => (text.length < 8 ? '…' : `…${text.slice(-4)}`),
}

/** What the definition of a message says may be logged of its payload. */
export function resolveLogged(given: unknown, fault: Complain): Logged | undefined {
  if (given === undefined) return undefined
  if (!isRecord(given)) {
    fault('LOGGED', `\`logged\` is an object such as { orderId: 'shown', card: 'last4' }; found ${describeFound(given)}.`)

    return undefined
  }
  for (const [field, as] of Object.entries(given)) {
    if (typeof as === 'function' || (typeof as === 'string' && Object.hasOwn(masks, as))) continue
    const names = Object.keys(masks)
    fault('LOGGED', `\`logged.${field}\` is ${names.join(', ')} or a function; found ${describeFound(as)}.${typeof as === 'string' ? suggest(as, names) : ''}`)
  }

  return Object.freeze({ ...given }) as Logged
}

/** The fields of its payload that the definition of a message names, masked as it says. Nothing else of a payload is ever logged. */
export function loggedFields({ raw, known }: Received): LogFields {
  const logged = known?.definition.logged
  if (!logged) return {}
  try {
    const body = parseJson(raw.body)
    const payload = raw.unwrap ? raw.unwrap(body) : body

    return isRecord(payload) ? Object.fromEntries(Object.entries(logged).flatMap(([field, as]) => fieldOf(field, as, payload[field]))) : {}
  } catch {
    // What cannot be read is a dead letter, whose line says so.
    return {}
  }
}

/** A delivery, and what is known of its message. */
interface Received {
  readonly raw: { readonly body: Uint8Array; readonly unwrap?: ((body: unknown) => unknown) | undefined }
  readonly known: { readonly definition: { readonly logged: Logged | undefined } } | undefined
}

function fieldOf(field: string, as: LoggedAs, value: unknown): readonly (readonly [string, string])[] {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return []

  return [[`payload.${field}`, masked(as, String(value))]]
}

function masked(as: LoggedAs, text: string): string {
  try {
    return String(typeof as === 'function' ? as(text) : masks[as](text)).slice(0, longest)
  } catch {
    return '…'
  }
}
