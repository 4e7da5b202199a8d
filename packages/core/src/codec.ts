import { isUtf8 } from 'node:buffer'
import { countOf } from './count-of.js'
import { nestsTooDeep } from './limits.js'
import { contentTypeJson } from './wire.js'

/** Between a payload and its bytes. What cannot be done is thrown as an Error whose message says why. */
export interface Codec {
  readonly contentType: string
  /** Whether it reads bodies that say they are this. */
  reads(contentType: string | undefined, contentEncoding: string | undefined): boolean
  encode(payload: unknown): Uint8Array
  decode(body: Uint8Array, nesting: number): unknown
}

/** JSON in UTF-8 and nothing around it, so that anybody can read it. */
export const jsonCodec: Codec = {
  contentType: contentTypeJson,

  reads(contentType, contentEncoding) {
    const plain = contentEncoding === undefined || contentEncoding === '' || /^(identity|utf-?8)$/i.test(contentEncoding)
    if (contentType === contentTypeJson) return plain

    return plain && (contentType === undefined || contentType === '' || /^(application|text)\/([\w.-]+\+)?json\s*(;.*)?$/i.test(contentType))
  },

  encode(payload) {
    const text = JSON.stringify(payload)
    if (text === undefined) throw new Error('The payload is nothing that JSON can write.')

    return Buffer.from(text)
  },

  decode(body, nesting) {
    if (nestsTooDeep(body, nesting)) throw new Error(`The body is nested deeper than ${countOf(nesting, 'level')}.`)
    if (!isUtf8(body)) throw new Error('The body is not UTF-8.')

    return parseJson(body)
  },
}

/** Throws an Error that says where the text stops being JSON and not what stands there: V8 would quote the payload. */
export function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(body)) as unknown
  } catch (error) {
    const position = /at position (\d+)/.exec((error as Error).message)?.[1]
    throw new Error(position === undefined ? 'Its text is no JSON.' : `Its text is no JSON from position ${position} on.`)
  }
}

/** The body as text, without the mark that some editors and .NET put before it. */
export function textOf(body: Uint8Array): string {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const text = bytes.toString('utf8')

  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}
