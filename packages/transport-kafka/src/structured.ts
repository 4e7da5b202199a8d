import type { RawEnvelope } from '@waybill/core'
import { attribute, trace } from '@waybill/core'

const structuredType = /^application\/cloudevents\+json\b/i
const defaultType = 'application/json'

/** An event whose envelope stands in its body, taken apart. */
export interface Structured {
  readonly envelope: RawEnvelope
  readonly body: Uint8Array
  readonly contentType: string
}

/** A CloudEvent in structured mode as if it had come in binary mode. Undefined for everything else, also where it cannot be read: it stays as it came. */
export function readStructured(contentType: string | undefined, body: Uint8Array): Structured | undefined {
  if (contentType === undefined || !structuredType.test(contentType)) return undefined
  try {
    const event: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'))

    return isEvent(event) ? takeApart(event) : undefined
  } catch {
    return undefined
  }
}

type Event = Readonly<Record<string, unknown>>

function takeApart(event: Event): Structured {
  const { datacontenttype: dataType = defaultType } = event

  return {
    envelope: {
      id: event[attribute.id],
      type: event[attribute.type],
      source: event[attribute.source],
      time: event[attribute.time],
      subject: event[attribute.subject],
      dataVersion: event[attribute.dataVersion],
      correlationId: event[attribute.correlationId],
      causationId: event[attribute.causationId],
      traceparent: event[trace.parent],
      tracestate: event[trace.state],
      baggage: event[trace.baggage],
    },
    body: dataOf(event),
    contentType: typeof dataType === 'string' ? dataType : defaultType,
  }
}

function dataOf({ data, data_base64: encoded }: Event): Uint8Array {
  if (typeof encoded === 'string') return Buffer.from(encoded, 'base64')

  return Buffer.from(data === undefined ? '' : JSON.stringify(data))
}

function isEvent(found: unknown): found is Event {
  return typeof found === 'object' && found !== null && 'specversion' in found && 'type' in found
}
