import { countOf } from './count-of.js'
import { headerBlock } from './envelope.js'

/** What an untrusted message may be at most. */
export interface Limits {
  /** Default: 1 MiB. */
  readonly bodyBytes: number
  /** How many. Default: 64. */
  readonly headers: number
  /** Names and values together. Default: 16 KiB. */
  readonly headerBytes: number
  /** Of headers and of JSON. Default: 32. */
  readonly nesting: number
}

export const defaultLimits: Limits = Object.freeze({ bodyBytes: 1_048_576, headers: 64, headerBytes: 16_384, nesting: 32 })

/** Why these headers or this body are too much, or undefined. */
export function excessOf(body: Uint8Array, headers: Readonly<Record<string, unknown>>, limits: Limits): string | undefined {
  if (body.length > limits.bodyBytes) return `The body has ${body.length} bytes; the limit is ${limits.bodyBytes}.`

  let count = 0
  let bytes = 0
  for (const name in headers) {
    const value = headers[name]
    count++
    bytes += name.length + (typeof value === 'string' ? value.length : 8)
    if (typeof value !== 'object' || value === null) continue

    const size = sizeOf(value, limits.nesting, limits.headerBytes)
    if (size === undefined) return `Header "${name.slice(0, 80)}" is nested deeper than ${countOf(limits.nesting, 'level')} or larger than ${limits.headerBytes} bytes.`
    bytes += size
  }
  if (count > limits.headers) return `It has ${count} headers; the limit is ${limits.headers}.`

  return bytes > limits.headerBytes ? `Its headers have ${bytes} bytes; the limit is ${limits.headerBytes}.` : undefined
}

/** The headers that fit within the limits, those of a plain kind first: what a dead letter can carry along. */
export function fittingHeaders(headers: Readonly<Record<string, unknown>>, limits: Limits): Record<string, unknown> {
  const kept = headerBlock()
  let room = limits.headerBytes
  for (const [name, value] of Object.entries(headers).slice(0, limits.headers)) {
    const size = sizeOf(value, limits.nesting, room)
    if (name === '__proto__' || size === undefined || size + name.length > room) continue
    room -= size + name.length
    kept[name] = value
  }

  return kept
}

/** Whether JSON text opens more brackets inside one another than allowed. Most texts are settled by counting them. */
export function nestsTooDeep(body: Uint8Array, nesting: number): boolean {
  let opened = 0
  for (const bracket of [0x7b, 0x5b]) {
    for (let at = body.indexOf(bracket); at !== -1; at = body.indexOf(bracket, at + 1)) {
      if (++opened > nesting) return depthExceeds(body, nesting)
    }
  }

  return false
}

function depthExceeds(body: Uint8Array, nesting: number): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < body.length; i++) {
    const byte = body[i]
    if (inString) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > nesting) return true
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }

  return false
}

/** Bytes of a header value, about; undefined where it is nested or sized beyond the limits. Recursion ends at the limit. */
function sizeOf(value: unknown, nesting: number, most: number): number | undefined {
  if (typeof value === 'string') return value.length <= most ? value.length : undefined
  if (value instanceof Uint8Array) return value.length <= most ? value.length : undefined
  if (typeof value !== 'object' || value === null) return 8
  if (nesting === 0) return undefined

  let total = 0
  // for…in ends at the limit, where a list of a wide table's entries would be made whole first.
  for (const name in value) {
    const size = sizeOf((value as Readonly<Record<string, unknown>>)[name], nesting - 1, most - total)
    if (size === undefined) return undefined
    total += size + name.length
    if (total > most) return undefined
  }

  return total
}
