import { headerBlock } from '@waybill/core'
import { copyHeaders, type HeaderBlock } from '../broker/headers.js'

/** Headers as JSON that says everything they said. Undefined where they are nested deeper than JSON can be written. */
export function textOfHeaders(headers: Readonly<Record<string, unknown>>): string | undefined {
  try {
    return isPlain(headers) ? JSON.stringify(headers) : JSON.stringify(headers, marked)
  } catch {
    return undefined
  }
}

export function headersOfText(text: string): HeaderBlock {
  const found = (text.includes(String.raw`\u0000`) ? JSON.parse(text, unmarked) : JSON.parse(text)) as Record<string, unknown>

  return copyHeaders(found, headerBlock()) ?? headerBlock()
}

function isPlain(headers: Readonly<Record<string, unknown>>): boolean {
  for (const name in headers) {
    const value = headers[name]
    if (typeof value !== 'string' && typeof value !== 'boolean' && !Number.isFinite(value)) return false
  }

  return true
}

// JSON has no bytes, no undefined, no bigint and no infinity: each stands as a list that begins with a mark. A user's list that begins so gets a mark of its own.
function marked(this: unknown, name: string, value: unknown): unknown {
  const found = (this as Record<string, unknown>)[name]
  if (found instanceof Uint8Array) return ['\0bytes', Buffer.from(found).toString('base64')]
  if (found === undefined) return ['\0undefined']
  if (typeof found === 'bigint') return ['\0bigint', String(found)]
  if (typeof found === 'number' && !Number.isFinite(found)) return ['\0number', String(found)]

  return isMarked(value) ? ['\0list', ...value] : value
}

function unmarked(_name: string, value: unknown): unknown {
  if (!isMarked(value)) return value
  const [mark, ...rest] = value
  if (mark === '\0bytes') return new Uint8Array(Buffer.from(String(rest[0]), 'base64'))
  if (mark === '\0bigint') return BigInt(String(rest[0]))
  if (mark === '\0number') return Number(rest[0])

  return mark === '\0list' ? rest : undefined
}

function isMarked(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && typeof value[0] === 'string' && value[0].startsWith('\0')
}
