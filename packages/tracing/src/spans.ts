import { type Attributes, type Context, type Link, type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api'
import { attribute } from './attributes.js'

export type Operation = 'create' | 'send' | 'process' | 'ack' | 'retry' | 'dead_letter'

const kinds: Readonly<Record<Operation, { readonly kind: SpanKind; readonly type: 'create' | 'send' | 'process' | 'settle' }>> = {
  create: { kind: SpanKind.PRODUCER, type: 'create' },
  // The message carries the context of its creation, so the sending is a call to the broker.
  send: { kind: SpanKind.CLIENT, type: 'send' },
  process: { kind: SpanKind.CONSUMER, type: 'process' },
  ack: { kind: SpanKind.CLIENT, type: 'settle' },
  retry: { kind: SpanKind.CLIENT, type: 'settle' },
  dead_letter: { kind: SpanKind.CLIENT, type: 'settle' },
}

export interface Work {
  readonly operation: Operation
  readonly channel: string
  /** Added to: hand in one that nobody else has. */
  readonly attributes: Attributes
  readonly links?: Link[] | undefined
}

/** Starts a span with the name and kind that the conventions give it. */
export function startSpan(tracer: Tracer, { operation, channel, attributes, links }: Work, context: Context): Span {
  const { kind, type } = kinds[operation]
  attributes[attribute.destination] = channel
  attributes[attribute.operation] = operation
  attributes[attribute.operationType] = type

  return tracer.startSpan(`${operation} ${channel}`, links ? { kind, attributes, links } : { kind, attributes }, context)
}

/** Ends it, as failed where there was an error. Payloads may stand in an error's message, so only its name is told. */
export function endSpan(span: Span, error: unknown): void {
  if (error !== undefined) {
    const name = errorName(error)
    span.setAttribute(attribute.error, name)
    span.setStatus({ code: SpanStatusCode.ERROR, message: name })
  }
  span.end()
}

function errorName(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') return error.code.slice(0, 100)

  return error instanceof Error ? error.name.slice(0, 100) : typeof error
}
