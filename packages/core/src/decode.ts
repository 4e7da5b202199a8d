import { parseJson, textOf, type Codec } from './codec.js'
import type { RawMessage } from './delivery.js'
import { DeadLetter } from './decision.js'
import { InvalidMessage } from './error.js'
import { excessOf, type Limits } from './limits.js'
import { type Definition, freshMessage, type Message, type MessageClass } from './message.js'
import type { RawDelivery } from './transport.js'
import { header } from './wire.js'

/** Why a delivery cannot become a message. No retry mends it. Codes are stable: they stand on dead letters. */
export interface Refusal {
  readonly code: 'LIMIT' | 'ENVELOPE' | 'UNKNOWN_TYPE' | 'UNKNOWN_VERSION' | 'CONTENT_TYPE' | 'BODY' | 'UPCAST' | 'SCHEMA' | 'EXPIRED' | 'NO_SAGAS' | 'KILLED_THE_PROCESS'
  readonly reason: string
}

export type Decoded = { readonly message: Message; readonly refusal?: never } | { readonly refusal: Refusal; readonly message?: never }

export interface DecodeRules {
  readonly codec: Codec
  readonly limits: Limits
  /** Nobody does for commands of sagas what their listeners would otherwise have to know. */
  readonly lacksSagas?: boolean
}

/** A message class, with what it knows about itself at hand: to look that up for each message costs more than the listener's own look-up. */
export interface Known {
  readonly type: MessageClass
  readonly definition: Definition
}

/** Turns what came from outside into a message of that class, or says why not. Never throws, whatever came. */
export function decode(raw: RawDelivery, { type, definition }: Known, { codec, limits, lacksSagas }: DecodeRules): Decoded {
  const refusal = inspect(raw, limits)
  if (refusal) return { refusal }
  if (lacksSagas && raw.headers[header.saga] !== undefined) return refuse('NO_SAGAS', withoutSagas(raw, definition))
  if (!codec.reads(raw.contentType, raw.contentEncoding)) return refuse('CONTENT_TYPE', unread(raw, codec))

  const version = versionOf(raw.envelope.dataVersion)
  if (version === undefined) return refuse('UNKNOWN_VERSION', `Its version is to be a whole number above zero; found ${quote(raw.envelope.dataVersion)}. Mend who sent it.`)
  if (version > definition.version) {
    return refuse(
      'UNKNOWN_VERSION',
      `It is version ${quote(raw.envelope.dataVersion)} of "${definition.name}"; this service knows up to ${definition.version}. Deploy the newer listener, then redrive.`,
    )
  }

  return read(raw, version, type, definition, { codec, limits })
}

/** What is wrong with the outside of a delivery: sizes, nesting, identity. Needs no knowledge of its type. */
export function inspect(raw: RawDelivery, limits: Limits): Refusal | undefined {
  const excess = excessOf(raw.body, raw.headers, limits)
  if (excess) return { code: 'LIMIT', reason: excess }

  const { id, type, subject } = raw.envelope
  if (id === undefined && raw.envelope.source !== undefined) return { code: 'ENVELOPE', reason: 'It has an envelope without an id.' }
  if (id !== undefined && !isIdentity(id)) return { code: 'ENVELOPE', reason: `Its id is to be a text of 1 to 255 characters; found ${quote(id)}.` }
  if (type !== undefined && !isIdentity(type)) return { code: 'ENVELOPE', reason: `Its type is to be a text of 1 to 255 characters; found ${quote(type)}.` }

  return subject !== undefined && !isIdentity(subject) ? { code: 'ENVELOPE', reason: `Its key is to be a text of 1 to 255 characters; found ${quote(subject)}.` } : undefined
}

function withoutSagas(raw: RawDelivery, { name }: Definition): string {
  return `It is the command "${name}" of the saga ${quote(raw.headers[header.saga])}, and this app has no sagas() among its plugins: an undo could come before it, and its saga would never be told. Add it: plugins: [outbox(store), sagas()], then redrive.`
}

/** A delivery for a raw listener: bytes as they came. */
export function rawMessage(raw: RawDelivery): RawMessage {
  return {
    name: typeof raw.envelope.type === 'string' ? raw.envelope.type : undefined,
    body: raw.body,
    contentType: raw.contentType,
    text: () => textOf(raw.body),
    json() {
      try {
        return parseJson(raw.body)
      } catch (error) {
        throw new DeadLetter(`The body cannot be read: ${(error as Error).message}`)
      }
    },
  }
}

function read({ body, unwrap }: RawDelivery, version: number, type: MessageClass, definition: Definition, { codec, limits }: Pick<DecodeRules, 'codec' | 'limits'>): Decoded {
  let payload: unknown
  try {
    payload = codec.decode(body, limits.nesting)
    if (unwrap) payload = unwrap(payload)
  } catch (error) {
    return refuse('BODY', `The body cannot be read as ${codec.contentType}: ${sentence(error)}`)
  }

  for (let from = version; from < definition.version; from++) {
    const step = definition.upcast[from]
    if (!step) return refuse('UNKNOWN_VERSION', `"${definition.name}" has no upcast from version ${from}.`)
    try {
      payload = step(payload)
    } catch (error) {
      return refuse('UPCAST', `The upcast of "${definition.name}" from version ${from} threw: ${sentence(error)}`)
    }
  }

  try {
    return { message: freshMessage(type, payload) }
  } catch (error) {
    return refuse('SCHEMA', error instanceof InvalidMessage ? error.message : `The schema of "${definition.name}" threw: ${sentence(error)}`)
  }
}

function versionOf(found: unknown): number | undefined {
  if (found === undefined) return 1
  const text = typeof found === 'number' ? String(found) : found

  return typeof text === 'string' && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined
}

function isIdentity(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 255
}

function refuse(code: Refusal['code'], reason: string): Decoded {
  return { refusal: { code, reason } }
}

function unread(raw: RawDelivery, codec: Codec): string {
  const encoding = raw.contentEncoding ? ` encoded as ${quote(raw.contentEncoding)}` : ''

  return `Expected ${codec.contentType}, found ${quote(raw.contentType)}${encoding}. A raw listener takes what is no JSON.`
}

function quote(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value !== 'string') return `a value of type ${value === null ? 'null' : typeof value}`

  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 300) : 'a value that is no Error'
}
