import { attribute, header, specVersion, trace } from './wire.js'

/** What is said about a message beside its payload. CloudEvents 1.0 attributes and W3C trace context. */
export interface Envelope {
  readonly id: string
  readonly type: string
  readonly source: string
  /** RFC 3339. */
  readonly time: string
  /** The key: what keeps its order. */
  readonly subject: string | undefined
  readonly dataVersion: number
  readonly correlationId: string | undefined
  readonly causationId: string | undefined
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
  readonly baggage: string | undefined
}

/** An envelope as it came: nothing is certain, nothing is validated. */
export type RawEnvelope = { readonly [K in keyof Envelope]?: unknown }

export type HeaderValue = string | number | boolean
export type Headers = Readonly<Record<string, HeaderValue>>

/** For transports: writes the envelope into the headers of a message that is sent, under the transport's `envelopePrefix`. */
export function writeEnvelope(envelope: Envelope, prefix: string, into: Record<string, unknown>): void {
  const names = namesUnder(prefix)
  into[names.id] = envelope.id
  into[names.specVersion] = specVersion
  into[names.type] = envelope.type
  into[names.source] = envelope.source
  into[names.time] = envelope.time
  if (envelope.subject !== undefined) into[names.subject] = envelope.subject
  if (envelope.dataVersion !== 1) into[names.dataVersion] = String(envelope.dataVersion)
  if (envelope.correlationId !== undefined) into[names.correlationId] = envelope.correlationId
  if (envelope.causationId !== undefined) into[names.causationId] = envelope.causationId
  if (envelope.traceparent !== undefined) into[trace.parent] = envelope.traceparent
  if (envelope.tracestate !== undefined) into[trace.state] = envelope.tracestate
  if (envelope.baggage !== undefined) into[trace.baggage] = envelope.baggage
}

/** For transports: an empty block of headers, to which no name is special: it inherits none, and `__proto__` is a name like any other. */
export function headerBlock(): Record<string, unknown> {
  return Object.create(nameless) as Record<string, unknown>
}

// To V8 an object without a prototype is a slow table; one that inherits from nothing but an empty one is as fast as any.
const nameless: object = Object.freeze(Object.create(null) as object)

/** For transports: reads the envelope of a delivery from under the transport's `envelopePrefix`. `headers` inherits no name; values are whatever the sender put there. */
export function readEnvelope(headers: Readonly<Record<string, unknown>>, prefix: string): RawEnvelope {
  const names = namesUnder(prefix)

  return {
    id: headers[names.id],
    type: headers[names.type],
    source: headers[names.source],
    time: headers[names.time],
    subject: headers[names.subject],
    dataVersion: headers[names.dataVersion],
    correlationId: headers[names.correlationId],
    causationId: headers[names.causationId],
    traceparent: headers[trace.parent],
    tracestate: headers[trace.state],
    baggage: headers[trace.baggage],
  }
}

type Names = { readonly [K in keyof typeof attribute]: string }

const known = new Map<string, Names>()

/** Joined once for each prefix: a name that is put together for each message costs more than writing all of them. */
function namesUnder(prefix: string): Names {
  let names = known.get(prefix)
  if (!names) {
    names = Object.fromEntries(Object.entries(attribute).map(([word, name]) => [word, prefix + name])) as Names
    known.set(prefix, names)
  }

  return names
}

/** The user's own headers among those of a delivery: scalars that neither the envelope, nor the broker, nor Waybill put there. */
export function ownHeaders(headers: Readonly<Record<string, unknown>>, prefix: string): Headers {
  const own: Record<string, HeaderValue> = Object.create(null) as Record<string, HeaderValue>
  for (const [name, value] of Object.entries(headers)) {
    if (isScalar(value) && !isReserved(name, prefix)) own[name] = value
  }

  return own
}

/** Names that a publisher may not set: they belong to the envelope, to Waybill, or to the broker (`x-`). */
export function isReserved(name: string, prefix: string): boolean {
  return name.startsWith(prefix) || name.startsWith('waybill-') || name.startsWith('x-') || name === trace.parent || name === trace.state || name === trace.baggage
}

/** `waybill-dead-…` headers tell of a death: a message that leaves the dead letter has none of them. */
export function withoutDeath(headers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const alive = headerBlock()
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith('waybill-dead-') && name !== header.attempt) alive[name] = value
  }

  return alive
}

function isScalar(value: unknown): value is HeaderValue {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}
