import { headerBlock } from '@waybill/core'

/** Headers that share nothing with the one who sent them. */
export type HeaderBlock = Record<string, unknown>

/** Copies headers into a block. Undefined where they hold a cycle or more values than a sane sender has. */
export function copyHeaders(headers: Readonly<Record<string, unknown>>, into: HeaderBlock): HeaderBlock | undefined {
  const nested: Copying[] = []
  for (const name of Object.keys(headers)) into[name] = copyValue(headers[name], nested)

  return copyNested(nested) ? into : undefined
}

/** About what a block weighs: its names and what its values say. */
export function weightOf(headers: Readonly<Record<string, unknown>>): number {
  let bytes = 0
  const nested: unknown[] = []
  for (const name in headers) bytes += name.length + weightOfValue(headers[name], nested)
  for (let value = nested.pop(); value !== undefined; value = nested.pop()) {
    for (const [name, inner] of Object.entries(value as object)) bytes += name.length + weightOfValue(inner, nested)
  }

  return bytes
}

interface Copying {
  readonly from: object
  readonly to: Record<string, unknown> | unknown[]
}

function copyValue(value: unknown, nested: Copying[]): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return value.slice()
  const to = Array.isArray(value) ? [] : headerBlock()
  nested.push({ from: value, to })

  return to
}

/** A list instead of recursion: a table nested four thousand deep must not overflow the stack. */
function copyNested(nested: Copying[]): boolean {
  let budget = mostValues
  for (let next = nested.pop(); next !== undefined; next = nested.pop()) {
    for (const [name, value] of Object.entries(next.from)) {
      if (budget-- === 0) return false
      ;(next.to as Record<string, unknown>)[name] = copyValue(value, nested)
    }
  }

  return true
}

function weightOfValue(value: unknown, nested: unknown[]): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 8
  if (value instanceof Uint8Array) return value.byteLength
  nested.push(value)

  return 0
}

const mostValues = 100_000
