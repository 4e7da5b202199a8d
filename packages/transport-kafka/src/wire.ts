import { isUtf8 } from 'node:buffer'
import type { Outgoing, RawEnvelope } from '@waybill/core'
import { header, readEnvelope, writeEnvelope } from '@waybill/core'
import type { IHeaders } from 'kafkajs'

/** Names of the CloudEvents binding for Kafka. */
export const envelopePrefix = 'ce_'
export const contentTypeHeader = 'content-type'
export const contentEncodingHeader = 'content-encoding'

/** A message as kafkajs takes it; `partition` is set before the first try and never changes. */
export interface WireRecord {
  readonly key: string | null
  readonly value: Buffer
  readonly headers: IHeaders
  partition: number
}

/** A record as kafkajs hands it over. */
export interface StoredRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: IHeaders | undefined
  readonly offset: string
  readonly timestamp: string
}

type Headers = Readonly<Record<string, unknown>>

/** Every header of Kafka is bytes: numbers and booleans leave as text, and come back as text. */
export function toRecord(message: Outgoing, key: string | undefined): WireRecord {
  const all = Object.assign(Object.create(null), message.headers) as Record<string, unknown>
  if (message.contentType !== undefined) all[contentTypeHeader] = message.contentType
  if (message.contentEncoding !== undefined) all[contentEncodingHeader] = message.contentEncoding
  if (message.replyTo !== undefined) all[header.replyTo] = message.replyTo
  writeEnvelope(message.envelope, envelopePrefix, all)
  const headers: IHeaders = Object.create(null) as IHeaders
  for (const name in all) headers[name] = toHeader(all[name])

  return { key: key ?? null, value: bytesOf(message.body), headers, partition: 0 }
}

/** About what a record takes in a request: exact for ASCII, and the broker has the last word. */
export function sizeOf(record: WireRecord): number {
  let size = 64 + record.value.length + (record.key === null ? 0 : Buffer.byteLength(record.key))
  for (const name in record.headers) size += name.length + lengthOf(record.headers[name]) + 4

  return size
}

/** Everything that came, without a prototype; text where it is text, bytes where it is not, a list where a name came twice. */
export function readHeaders(found: IHeaders | undefined): Headers {
  const headers = Object.create(null) as Record<string, unknown>
  for (const name of Object.keys(found ?? {})) headers[name] = fromHeader(found?.[name])

  return headers
}

/** The envelope of a record; a foreign one has at least its key. */
export function readRecordEnvelope(headers: Headers, key: Buffer | null): RawEnvelope {
  const envelope = readEnvelope(headers, envelopePrefix)
  if (envelope.subject !== undefined || key === null) return envelope

  return { ...envelope, subject: textOf(key) ?? key.toString('hex') }
}

/** A header as text, or undefined where it is none. */
export function textHeader(headers: Headers, name: string): string | undefined {
  const value = headers[name]

  return typeof value === 'string' ? value : undefined
}

function toHeader(value: unknown): IHeaders[string] {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return bytesOf(value)
  if (Array.isArray(value) && value.every((part) => typeof part === 'string' || part instanceof Uint8Array)) {
    return value.map((part: string | Uint8Array) => (typeof part === 'string' ? part : bytesOf(part)))
  }
  if (typeof value === 'object' && value !== null) return JSON.stringify(value)

  // kafkajs cannot measure a header that is null, so nothing is written as empty.
  return value === null || value === undefined ? '' : String(value)
}

/**
 * kafkajs gathers headers in an object with a prototype: one named `constructor` or `__proto__` comes as a list
 * whose first item is what the prototype has there.
 */
function fromHeader(value: unknown): unknown {
  if (!Array.isArray(value)) return fromBytes(value)
  const parts = value.filter((part) => part === null || Buffer.isBuffer(part)).map(fromBytes)

  return parts.length === 1 ? parts[0] : parts
}

function fromBytes(value: unknown): unknown {
  return Buffer.isBuffer(value) ? (textOf(value) ?? value) : value
}

function textOf(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}

function bytesOf(body: Uint8Array): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
}

function lengthOf(value: IHeaders[string]): number {
  return Array.isArray(value) ? value.reduce((sum, part) => sum + part.length + 4, 0) : (value?.length ?? 0)
}
