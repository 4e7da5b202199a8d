import { attribute, type Envelope, type Outgoing, trace } from '@waybill/core'
import { encodedName, isShort, roomFor, writeHeader, writeLong, writeShort, writeUint32 } from './frame-text.js'
import { beginFrame, endFrame, PublishHead } from './publish-head.js'
import { envelopePrefix, expirationOf, isOwnName, type Route, secondsOf } from './wire.js'

const bodyFrame = 3
const frameOverhead = 8
/** Headers of more text than this may not fit one frame. */
const mostText = 12_288
/** Names of the envelope's headers, properties of fixed size, frames. */
const roomForRest = 512
/** One piece of memory takes some dozens of usual messages. */
const pieceBytes = 65_536

/** Class and weight stand before the size of the body, the flags of the properties behind it. */
const bodySizeAt = 15
const flagsAt = 19
/** Headers, delivery mode, message id and type: every message has these. */
const always = 0x2000 | 0x1000 | 0x0080 | 0x0020
const persistent = 2

const names = {
  id: encodedName(envelopePrefix + attribute.id),
  time: encodedName(envelopePrefix + attribute.time),
  subject: encodedName(envelopePrefix + attribute.subject),
  correlationId: encodedName(envelopePrefix + attribute.correlationId),
  causationId: encodedName(envelopePrefix + attribute.causationId),
  traceparent: encodedName(trace.parent),
  tracestate: encodedName(trace.state),
  baggage: encodedName(trace.baggage),
}

/** Gathers the publishes of a turn, each as the driver would write it, so that they leave in one write. */
export class PublishFrames {
  readonly #channel: number
  readonly #frameMax: number
  readonly #heads = new Map<Route, PublishHead>()
  #full: Buffer[] = []
  #piece: Buffer = Buffer.alloc(0)
  #start = 0
  #at = 0

  constructor(channel: number, frameMax: number) {
    this.#channel = channel
    this.#frameMax = frameMax
  }

  /** False for the rare message that the driver has to write: one that is moved, has headers that are no text, or has not one body frame. */
  add(message: Outgoing, route: Route, correlationId: string | undefined): boolean {
    const { body } = message
    if (body.length === 0 || body.length + frameOverhead > this.#frameMax) return false
    const room = roomOf(message, correlationId)
    const head = room === undefined ? undefined : this.#headOf(message, route)
    if (room === undefined || !head) return false
    this.#reserve(head.bytes.length + room + body.length)
    const bytes = this.#piece
    const frame = this.#at + head.frameAt
    bytes.set(head.bytes, this.#at)
    writeUint32(bytes, frame + bodySizeAt, body.length)
    const at = endFrame(bytes, frame, writeProperties(bytes, this.#at, head, message, correlationId))
    const bodyAt = beginFrame(bytes, at, bodyFrame, this.#channel)
    bytes.set(body, bodyAt)
    this.#at = endFrame(bytes, at, bodyAt + body.length)

    return true
  }

  /** What was gathered since, in order. */
  take(): readonly Buffer[] {
    const pieces = this.#full
    if (this.#at > this.#start) pieces.push(this.#piece.subarray(this.#start, this.#at))
    this.#full = []
    this.#start = this.#at

    return pieces
  }

  #headOf(message: Outgoing, route: Route): PublishHead | undefined {
    const known = this.#heads.get(route)
    if (known?.suits(message)) return known
    const head = PublishHead.of(message, route, this.#channel)
    // The address of a reply is hardly used twice.
    if (head && message.to.kind === 'channel') this.#heads.set(route, head)

    return head
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#piece.length) return
    this.#full = [...this.take()]
    this.#piece = Buffer.allocUnsafeSlow(Math.max(pieceBytes, count))
    this.#start = 0
    this.#at = 0
  }
}

/** More than all of it can take but head and body; undefined where a text is too long, or a header no text of the user's. */
function roomOf(message: Outgoing, correlationId = ''): number | undefined {
  const { envelope, replyTo = '', to } = message
  if (to.kind !== 'channel' && to.kind !== 'reply') return undefined
  if (!isShort(envelope.id) || !isShort(replyTo) || !isShort(correlationId)) return undefined
  let room = envelopeRoom(envelope)
  for (const name in message.headers) {
    const value = message.headers[name]
    if (typeof value !== 'string' || !isOwnName(name) || !isShort(name)) return undefined
    room += roomFor(name) + roomFor(value)
  }

  return room > mostText ? undefined : room + roomFor(envelope.id) + roomFor(envelope.type) + roomFor(replyTo) + roomFor(correlationId) + roomForRest
}

function envelopeRoom({ baggage = '', causationId = '', correlationId = '', id, subject = '', time, traceparent = '', tracestate = '' }: Envelope): number {
  return 3 * (id.length + time.length + subject.length + correlationId.length + causationId.length + traceparent.length + tracestate.length + baggage.length)
}

/** Goes on where the head ended: with the rest of the headers, then the properties behind them. */
function writeProperties(bytes: Buffer, start: number, head: PublishHead, message: Outgoing, correlationId: string | undefined): number {
  const table = start + head.tableAt
  let at = writeEnvelope(bytes, start + head.bytes.length, message.envelope)
  for (const name in message.headers) at = writeLong(bytes, writeShort(bytes, at, name), message.headers[name] as string)
  writeUint32(bytes, table, at - table - 4)

  return writeRest(bytes, at, { flagsAt: start + head.frameAt + flagsAt, flags: head.flags | always, message, correlationId })
}

function writeEnvelope(bytes: Buffer, start: number, envelope: Envelope): number {
  const { baggage, causationId, correlationId, id, subject, time, traceparent, tracestate } = envelope
  let at = writeHeader(bytes, start, names.id, id)
  at = writeHeader(bytes, at, names.time, time)
  if (subject !== undefined) at = writeHeader(bytes, at, names.subject, subject)
  if (correlationId !== undefined) at = writeHeader(bytes, at, names.correlationId, correlationId)
  if (causationId !== undefined) at = writeHeader(bytes, at, names.causationId, causationId)
  if (traceparent !== undefined) at = writeHeader(bytes, at, names.traceparent, traceparent)
  if (tracestate !== undefined) at = writeHeader(bytes, at, names.tracestate, tracestate)

  return baggage === undefined ? at : writeHeader(bytes, at, names.baggage, baggage)
}

interface Rest {
  readonly flagsAt: number
  readonly flags: number
  readonly message: Outgoing
  readonly correlationId: string | undefined
}

function writeRest(bytes: Buffer, start: number, { correlationId, flags: known, flagsAt: place, message }: Rest): number {
  const { envelope, priority, replyTo } = message
  const expiration = expirationOf(message)
  const seconds = secondsOf(envelope.time)
  let flags = known
  let at = start
  const optional = (flag: number, text: string | undefined): void => {
    if (text === undefined) return
    flags |= flag
    at = writeShort(bytes, at, text)
  }
  bytes[at++] = persistent
  if (priority !== undefined) {
    flags |= 0x0800
    bytes[at++] = priority
  }
  optional(0x0400, correlationId)
  optional(0x0200, replyTo)
  optional(0x0100, expiration)
  at = writeShort(bytes, at, envelope.id)
  if (seconds !== undefined) {
    flags |= 0x0040
    // 64 bits, of which the upper half is empty until 2106.
    at = writeUint32(bytes, writeUint32(bytes, at, 0), seconds)
  }
  at = writeShort(bytes, at, envelope.type)
  bytes[place] = flags >>> 8
  bytes[place + 1] = flags

  return at
}
