import type { Origin, RawDelivery, RawEnvelope, Settlement } from '@waybill/core'
import { header, readEnvelope } from '@waybill/core'
import { isDelayTopic, isRetryTopic } from './rungs.js'
import { isRepliesTopic } from './topology.js'
import type { LogRecord } from './log-record.js'
import { readStructured } from './structured.js'
import { contentEncodingHeader, contentTypeHeader, envelopePrefix, readRecordEnvelope, textHeader } from './wire.js'

/** Who hears what became of a delivery. */
export interface Settler {
  /** What it settles has no effect any more. */
  readonly isLost: boolean
  settled(delivery: KafkaDelivery, settlement: Settlement): void
}

/** What all records of a partition have in common. */
export interface Place {
  readonly topic: string
  readonly partition: number
  readonly isRetry: boolean
  readonly isDelay: boolean
  readonly isReplies: boolean
}

/** Read off the name once: it would cost each record several searches. */
export function placeOf(topic: string, partition: number): Place {
  return { topic, partition, isRetry: isRetryTopic(topic), isDelay: isDelayTopic(topic), isReplies: isRepliesTopic(topic) }
}

const nothing = Buffer.alloc(0)
/** Core asks for no longer wait. */
const longestDelayMs = 2 ** 31

/** One record of a partition, as core gets it. */
export class KafkaDelivery implements RawDelivery {
  readonly envelope: RawEnvelope
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
  readonly contentType: string | undefined
  readonly contentEncoding: string | undefined
  readonly replyTo: string | undefined
  readonly redelivered: boolean
  readonly deliveryCount = undefined
  readonly toGroup: boolean
  readonly offset: number
  /** Nobody gets it before this moment, ms since the epoch. */
  readonly due: number
  readonly #record: LogRecord
  readonly #place: Place
  readonly #settler: Settler
  #isSettled = false

  constructor(record: LogRecord, place: Place, settler: Settler, redelivered = false) {
    const headers = record.headers()
    this.due = place.isDelay ? dueOf(headers, record.timestamp) : 0
    if (header.due in headers) delete headers[header.due]
    this.headers = headers
    const value = record.value ?? nothing
    const type = textHeader(headers, contentTypeHeader)
    const structured = readStructured(type, value)
    this.envelope = readRecordEnvelope(structured?.envelope ?? readEnvelope(headers, envelopePrefix), headers, place.isReplies ? null : record.key)
    this.body = structured?.body ?? value
    this.contentType = structured?.contentType ?? type
    this.contentEncoding = textHeader(this.headers, contentEncodingHeader)
    this.replyTo = textHeader(this.headers, header.replyTo)
    this.redelivered = redelivered
    this.toGroup = place.isRetry
    this.offset = record.offset
    this.#record = record
    this.#place = place
    this.#settler = settler
  }

  get origin(): Origin {
    const { offset, timestamp } = this.#record

    return { address: this.#place.topic, partition: this.#place.partition, offset: String(offset), storedAt: timestamp }
  }

  get isStale(): boolean {
    return this.#settler.isLost
  }

  settle(settlement: Settlement): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#settler.settled(this, settlement)
  }

  /** The same record, to be delivered once more. */
  again(): KafkaDelivery {
    return new KafkaDelivery(this.#record, this.#place, this.#settler, true)
  }
}

/** A moment that nobody can have meant does not hold a record for ever. */
function dueOf(headers: Readonly<Record<string, unknown>>, storedAt: number): number {
  return Math.min(Number(textHeader(headers, header.due)) || 0, storedAt + longestDelayMs)
}
