import { isUtf8 } from 'node:buffer'
import type { Outgoing, RawEnvelope } from '@waybill/core'
import { header, writeEnvelope } from '@waybill/core'
import { sizeOfContent } from './record-batch.js'

/** Names of the CloudEvents binding for Kafka. */
export const envelopePrefix = 'ce_'
export const contentTypeHeader = 'content-type'
export const contentEncodingHeader = 'content-encoding'
/** Spring Kafka's serializers name the class here. */
const springType = '__TypeId__'

/** A message as it is sent. */
export interface WireRecord {
  readonly key: string | Uint8Array | null
  readonly value: Uint8Array
  /** Name, value, name, value: a name may come again. */
  readonly headers: readonly (string | Uint8Array)[]
  /** What all that takes in a request. */
  readonly size: number
}

type Headers = Readonly<Record<string, unknown>>

/** Every header of Kafka is bytes: numbers and booleans leave as text, and come back as text. */
export function toRecord(message: Outgoing, key: string | undefined, due?: number): WireRecord {
  const all = Object.assign(Object.create(null), message.headers) as Record<string, unknown>
  if (message.contentType !== undefined) all[contentTypeHeader] = message.contentType
  if (message.contentEncoding !== undefined) all[contentEncodingHeader] = message.contentEncoding
  if (message.replyTo !== undefined) all[header.replyTo] = message.replyTo
  if (due !== undefined) all[header.due] = due
  writeEnvelope(message.envelope, envelopePrefix, all)
  const headers: (string | Uint8Array)[] = []
  for (const name in all) addHeader(headers, name, all[name])
  const content = { key: key ?? null, value: message.body, headers }

  return { ...content, size: sizeOfContent(content) }
}

/** The envelope of a record; a foreign one has at least its key, and what Spring says of its type. */
export function readRecordEnvelope(found: RawEnvelope, headers: Headers, key: Buffer | null): RawEnvelope {
  const type = found.type ?? headers[springType]
  const subject = found.subject ?? (key === null ? undefined : (textOf(key) ?? key.toString('hex')))

  return type === found.type && subject === found.subject ? found : { ...found, type, subject }
}

/** A header as text, or undefined where it is none. */
export function textHeader(headers: Headers, name: string): string | undefined {
  const value = headers[name]

  return typeof value === 'string' ? value : undefined
}

function addHeader(headers: (string | Uint8Array)[], name: string, value: unknown): void {
  const isList = Array.isArray(value) && value.every((part) => typeof part === 'string' || part instanceof Uint8Array)
  if (!isList) return void headers.push(name, toHeader(value))
  for (const part of value as readonly (string | Uint8Array)[]) headers.push(name, part)
}

function toHeader(value: unknown): string | Uint8Array {
  if (typeof value === 'string' || value instanceof Uint8Array) return value
  if (typeof value === 'object' && value !== null) return JSON.stringify(value)

  // A header of Kafka may be null, and readers seldom expect it, so nothing is written as empty.
  return value === null || value === undefined ? '' : String(value)
}

function textOf(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}
