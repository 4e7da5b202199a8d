import type { BindingArguments, ExchangeKind } from '../broker/exchange.js'
import type { Entry, Message } from '../broker/message.js'
import type { QueueArguments } from '../broker/rules.js'
import { headersOfText } from './header-text.js'
import type { Sheet } from './sheet.js'

/** What the broker has beside messages: written when it is made, and again in each new file. */
export type BrokerRecord =
  | { readonly exchange: string; readonly kind: ExchangeKind }
  | { readonly queue: string; readonly args: QueueArguments }
  | { readonly bind: string; readonly to: string; readonly key: string; readonly args: BindingArguments }
  | { readonly unbind: string; readonly from: string; readonly key: string }
  | { readonly started: string; readonly count: number }

/** A message in one queue, as it was written down. */
export interface EntryRecord {
  readonly id: number
  readonly queue: string
  readonly message: Message
  readonly storedAt: number
  readonly expiresAt: number | undefined
  readonly dueAt: number | undefined
  /** Below 0 while it is not due. */
  sequence: number
  deliveries: number
  /** Its part of the bytes in the file. */
  readonly share: number
}

/** What reads records, in the order in which they were written. */
export interface RecordReader {
  made(record: BrokerRecord): void
  /** With the entry whose place it takes: a dead letter. */
  stored(entries: readonly EntryRecord[], replaced: number): void
  entered(id: number, sequence: number): void
  counted(id: number, deliveries: number): void
  done(id: number): void
}

const kinds = { made: 1, stored: 2, entered: 3, counted: 4, done: 5 } as const

export function writeMade(sheet: Sheet, record: BrokerRecord): void {
  sheet.begin(kinds.made)
  sheet.text(JSON.stringify(record))
  sheet.finish()
}

/** One record for all the queues that a message goes to: it is in each of them, or in none. Returns the part of each. */
export function writeStored(sheet: Sheet, entries: readonly Entry[], headers: string, replaced: number): number {
  const { message, storedAt } = entries[0] as Entry
  const { exchange, routingKey, contentType, contentEncoding, replyTo, mandatory, priority, delayMs, expiresMs } = message
  const places = entries.map(({ filed, home, sequence, deliveries, expiresAt, dueAt }) => [filed?.id, home.name, sequence, deliveries, expiresAt, dueAt])
  sheet.begin(kinds.stored)
  sheet.text(JSON.stringify([replaced, storedAt, places, exchange, routingKey, contentType, contentEncoding, replyTo, mandatory, priority, delayMs, expiresMs]))
  sheet.text(headers)
  sheet.raw(message.body)

  return sheet.finish() / entries.length
}

export function writeEntered(sheet: Sheet, entries: readonly Entry[]): void {
  writePairs(sheet, kinds.entered, entries, ({ sequence }) => sequence)
}

export function writeCounted(sheet: Sheet, entries: readonly Entry[]): void {
  writePairs(sheet, kinds.counted, entries, ({ deliveries }) => deliveries)
}

export function writeDone(sheet: Sheet, ids: readonly number[]): void {
  if (ids.length === 0) return
  sheet.begin(kinds.done)
  for (const id of ids) sheet.number(id)
  sheet.finish()
}

function writePairs(sheet: Sheet, kind: number, entries: readonly Entry[], second: (entry: Entry) => number): void {
  if (entries.length === 0) return
  sheet.begin(kind)
  for (const entry of entries) {
    sheet.number(entry.filed?.id ?? 0)
    sheet.number(second(entry))
  }
  sheet.finish()
}

/** Tells the reader what a record says. Returns false where its kind is unknown. */
export function readRecord(payload: Buffer, reader: RecordReader): boolean {
  const kind = payload[0]
  if (kind === kinds.made) reader.made(JSON.parse(textAt(payload, 1)) as BrokerRecord)
  else if (kind === kinds.stored) readStored(payload, reader)
  else if (kind === kinds.entered) eachPair(payload, (id, sequence) => reader.entered(id, sequence))
  else if (kind === kinds.counted) eachPair(payload, (id, deliveries) => reader.counted(id, deliveries))
  else if (kind === kinds.done) for (let at = 1; at < payload.length; at += 8) reader.done(payload.readDoubleLE(at))
  else return false

  return true
}

type Place = readonly [id: number, queue: string, sequence: number, deliveries: number, expiresAt: number | null, dueAt: number | null]

type Meta = readonly [
  replaced: number,
  storedAt: number,
  places: readonly Place[],
  exchange: string,
  routingKey: string,
  contentType: string | null,
  contentEncoding: string | null,
  replyTo: string | null,
  mandatory: boolean,
  priority: number,
  delayMs: number | null,
  expiresMs: number | null,
]

function readStored(payload: Buffer, reader: RecordReader): void {
  const metaText = textAt(payload, 1)
  const headersAt = 5 + payload.readUInt32LE(1)
  const [replaced, storedAt, places, exchange, routingKey, contentType, contentEncoding, replyTo, mandatory, priority, delayMs, expiresMs] = JSON.parse(metaText) as Meta
  const message: Message = {
    exchange,
    routingKey,
    headers: headersOfText(textAt(payload, headersAt)),
    // Its own bytes: the buffer of the file is read into again.
    body: new Uint8Array(payload.subarray(headersAt + 4 + payload.readUInt32LE(headersAt))),
    contentType: contentType ?? undefined,
    contentEncoding: contentEncoding ?? undefined,
    replyTo: replyTo ?? undefined,
    mandatory,
    priority,
    delayMs: delayMs ?? undefined,
    expiresMs: expiresMs ?? undefined,
  }
  const share = payload.length / places.length
  const entries = places.map(([id, queue, sequence, deliveries, expiresAt, dueAt]) => {
    return { id, queue, message, storedAt, expiresAt: expiresAt ?? undefined, dueAt: dueAt ?? undefined, sequence, deliveries, share }
  })
  reader.stored(entries, replaced)
}

function textAt(payload: Buffer, at: number): string {
  return payload.toString('utf8', at + 4, at + 4 + payload.readUInt32LE(at))
}

function eachPair(payload: Buffer, tell: (id: number, value: number) => void): void {
  for (let at = 1; at < payload.length; at += 16) tell(payload.readDoubleLE(at), payload.readDoubleLE(at + 8))
}
