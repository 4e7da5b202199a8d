import { attribute, type Outgoing, specVersion } from '@waybill/core'
import { encodedName, isShort, roomFor, writeHeader, writeList, writeShort, writeUint32 } from './frame-text.js'
import { copiesHeader, envelopePrefix, isMandatory, type Route } from './wire.js'

const methodFrame = 1
const headerFrame = 2
const frameHeader = 7
const frameEnd = 0xce
const basicPublish = 0x003c0028
const basicClass = 0x003c0000
const hasContentType = 0x8000
const hasContentEncoding = 0x4000
/** Frames, marks and lengths around the texts. */
const roomForRest = 256

const names = {
  copies: encodedName(copiesHeader),
  specVersion: encodedName(envelopePrefix + attribute.specVersion),
  type: encodedName(envelopePrefix + attribute.type),
  source: encodedName(envelopePrefix + attribute.source),
  dataVersion: encodedName(envelopePrefix + attribute.dataVersion),
}

/** What a publish begins with and shares with those before it: where it goes, what it is, who sends it. Encoded once, then copied. */
export class PublishHead {
  readonly bytes: Buffer
  /** Where the header frame begins. Its size, the body's and the flags are filled in for each message. */
  readonly frameAt: number
  /** Where the header table begins, which goes on behind the head. Its size is filled in as well. */
  readonly tableAt: number
  /** Which properties stand in the head. */
  readonly flags: number
  readonly #type: string
  readonly #source: string
  readonly #dataVersion: number
  readonly #contentType: string | undefined
  readonly #contentEncoding: string | undefined
  readonly #isMandatory: boolean

  /** Undefined where a text may be too long for its place. */
  static of(message: Outgoing, route: Route, channel: number): PublishHead | undefined {
    const { contentEncoding = '', contentType = '', envelope } = message
    const areShort = isShort(route.exchange) && isShort(route.routingKey) && isShort(contentType) && isShort(contentEncoding) && isShort(envelope.type)

    return areShort ? new PublishHead(message, route, channel) : undefined
  }

  private constructor(message: Outgoing, route: Route, channel: number) {
    const { envelope } = message
    this.#type = envelope.type
    this.#source = envelope.source
    this.#dataVersion = envelope.dataVersion
    this.#contentType = message.contentType
    this.#contentEncoding = message.contentEncoding
    this.#isMandatory = isMandatory(message)
    const bytes = Buffer.alloc(roomOf(message, route))
    this.frameAt = writeMethod(bytes, channel, route, this.#isMandatory)
    let at = beginFrame(bytes, this.frameAt, headerFrame, channel)
    at = writeUint32(bytes, at, basicClass) + 10
    if (message.contentType !== undefined) at = writeShort(bytes, at, message.contentType)
    if (message.contentEncoding !== undefined) at = writeShort(bytes, at, message.contentEncoding)
    this.flags = (message.contentType === undefined ? 0 : hasContentType) | (message.contentEncoding === undefined ? 0 : hasContentEncoding)
    this.tableAt = at
    this.bytes = bytes.subarray(0, writeConstants(bytes, at + 4, message, route))
  }

  /** Whether this message begins with it. */
  suits(message: Outgoing): boolean {
    const { envelope } = message

    return (
      envelope.source === this.#source &&
      envelope.type === this.#type &&
      envelope.dataVersion === this.#dataVersion &&
      message.contentType === this.#contentType &&
      message.contentEncoding === this.#contentEncoding &&
      isMandatory(message) === this.#isMandatory
    )
  }
}

/** Returns where its payload goes; its size is filled in when it ends. */
export function beginFrame(bytes: Buffer, at: number, type: number, channel: number): number {
  bytes[at] = type
  bytes[at + 1] = channel >>> 8
  bytes[at + 2] = channel

  return at + frameHeader
}

export function endFrame(bytes: Buffer, start: number, at: number): number {
  writeUint32(bytes, start + 3, at - start - frameHeader)
  bytes[at] = frameEnd

  return at + 1
}

function roomOf({ contentEncoding = '', contentType = '', envelope }: Outgoing, { copies = [], exchange, routingKey }: Route): number {
  const texts = [exchange, routingKey, contentType, contentEncoding, envelope.type, envelope.source, String(envelope.dataVersion), ...copies]

  return texts.reduce((sum, text) => sum + roomFor(text), roomForRest)
}

function writeMethod(bytes: Buffer, channel: number, { exchange, routingKey }: Route, mandatory: boolean): number {
  let at = beginFrame(bytes, 0, methodFrame, channel)
  // The ticket behind it is always 0.
  at = writeUint32(bytes, at, basicPublish) + 2
  at = writeShort(bytes, at, exchange)
  at = writeShort(bytes, at, routingKey)
  bytes[at++] = mandatory ? 1 : 0

  return endFrame(bytes, 0, at)
}

function writeConstants(bytes: Buffer, start: number, { envelope }: Outgoing, { copies }: Route): number {
  let at = start
  if (copies) {
    bytes.set(names.copies, at)
    at = writeList(bytes, at + names.copies.length, copies)
  }
  at = writeHeader(bytes, at, names.specVersion, specVersion)
  at = writeHeader(bytes, at, names.type, envelope.type)
  at = writeHeader(bytes, at, names.source, envelope.source)

  return envelope.dataVersion === 1 ? at : writeHeader(bytes, at, names.dataVersion, String(envelope.dataVersion))
}
