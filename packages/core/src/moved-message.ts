import { envelopeFrom } from './dead-letter.js'
import type { GroupAddress, Outgoing, RawDelivery } from './transport.js'

export interface Move {
  readonly of: GroupAddress
  readonly id: string
  readonly headers: Readonly<Record<string, unknown>>
  /** RFC 3339, for a message that says nothing of its own time. */
  readonly time: string
  readonly mandatory: boolean
  readonly delayMs?: number
}

/** A delivery on its way to one group again: a retry, a redrive. Its bytes are untouched. */
export function movedMessage(raw: RawDelivery, { of: { channel, group }, id, headers, time, mandatory, delayMs }: Move): Outgoing {
  return {
    to: { kind: 'group', channel, group },
    envelope: envelopeFrom(raw, id, time),
    headers,
    body: raw.body,
    contentType: raw.contentType,
    contentEncoding: raw.contentEncoding,
    mandatory,
    delayMs,
    expiresMs: undefined,
    priority: undefined,
    replyTo: undefined,
  }
}
