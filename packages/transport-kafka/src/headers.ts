import { isUtf8 } from 'node:buffer'
import { headerBlock } from '@waybill/core'
import { ByteReader } from './byte-reader.js'
import { isSame, TextMemo } from './text-memo.js'

const names = new TextMemo()
const values = new TextMemo()
const mostForms = 64

/** What the headers of a record were: those of the next one have mostly the same names, in the same order, and many of the same values. */
interface Form {
  /** No name twice. */
  readonly names: readonly string[]
  readonly values: unknown[]
}

/** By the number of headers, which tells most kinds of records apart. */
const forms: (Form | undefined)[] = []

/** Everything that came; text where it is text, bytes where it is not, a list where a name came twice. */
export function readHeaders(bytes: Buffer, at: number, end: number): Record<string, unknown> {
  const reader = new ByteReader(bytes, at)
  const count = reader.varint()
  const form = forms[count]

  return (form && readAlike(reader, end, form)) ?? readAny(new ByteReader(bytes, reader.at), end, count)
}

/** Undefined where a name is another one. */
function readAlike(reader: ByteReader, end: number, form: Form): Record<string, unknown> | undefined {
  const start = reader.at
  const headers = headerBlock()
  for (let index = 0; index < form.names.length && reader.at < end; index++) {
    const name = form.names[index] as string
    const length = reader.varint()
    if (length !== name.length || !isSame(name, reader.bytes, reader.at)) {
      reader.at = start

      return undefined
    }
    reader.at += length
    headers[name] = form.values[index] = valueAt(reader, form.values[index])
  }

  return headers
}

function readAny(reader: ByteReader, end: number, count: number): Record<string, unknown> {
  const headers = headerBlock()
  const form: { readonly names: string[]; readonly values: unknown[] } = { names: [], values: [] }
  const lists = new Set<string>()
  for (let left = count; left > 0 && reader.at < end; left--) {
    const name = nameAt(reader)
    const value = valueAt(reader, undefined)
    form.names.push(name)
    form.values.push(value)
    if (!(name in headers)) headers[name] = value
    else if (lists.has(name)) (headers[name] as unknown[]).push(value)
    else {
      lists.add(name)
      headers[name] = [headers[name], value]
    }
  }
  if (count < mostForms && form.names.length === count && lists.size === 0) forms[count] = form

  return headers
}

function nameAt(reader: ByteReader): string {
  const length = Math.max(0, reader.varint())
  const start = reader.at
  reader.at = start + length

  return names.read(reader.bytes, start, reader.at) ?? reader.bytes.toString('utf8', start, reader.at)
}

function valueAt(reader: ByteReader, before: unknown): unknown {
  const length = reader.varint()
  if (length < 0) return null
  const { bytes, at: start } = reader
  reader.at = start + length
  if (typeof before !== 'string') return values.read(bytes, start, reader.at) ?? bytes.subarray(start, reader.at)
  if (before.length === length && isSame(before, bytes, start)) return before
  const value = bytes.subarray(start, reader.at)

  return isUtf8(value) ? value.toString('utf8') : value
}
