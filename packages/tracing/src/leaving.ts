import { context, isSpanContextValid, type Span, trace } from '@opentelemetry/api'
import type { PublishEvent, TraceContext, TracedMessage } from '@waybill/core'
import { attribute } from './attributes.js'
import { contextOf, headersOf } from './carrier.js'
import type { Ground } from './ground.js'
import { endSpan, startSpan } from './spans.js'
import { messageAttributes } from './told.js'

/** Spans of messages that leave: one when a message is made, and one when it is sent, maybe later and by another process. */
export class Leaving {
  readonly #ground: Ground
  readonly #sending = new Map<PublishEvent, Span>()

  constructor(ground: Ground) {
    this.#ground = ground
    ground.observing.on('publishing', (event) => this.#sends(event))
    ground.observing.on('published', (event) => this.#sent(event))
  }

  /** The message carries this span, wherever it goes: to a retry, a dead letter, an outbox. */
  create({ id, name, channel, transport, correlationId, cause }: TracedMessage): TraceContext | undefined {
    const { baggage, systemOf, tracer } = this.#ground
    const active = context.active()
    const parent = trace.getSpan(active) || !cause ? active : contextOf(cause, active)
    const span = startSpan(tracer, { operation: 'create', channel, attributes: messageAttributes(systemOf(transport), id, name, correlationId) }, parent)
    const made = span.spanContext()
    span.end()

    return isSpanContextValid(made) ? headersOf(made, baggage.header(active)) : undefined
  }

  /** What is not settled now is settled by nobody who tells. */
  stop(): void {
    for (const span of this.#sending.values()) this.#ground.observing.safely(() => span.end())
    this.#sending.clear()
  }

  #sends(event: PublishEvent): void {
    const { systemOf, tracer } = this.#ground
    const { envelope, channel, transport, bytes } = event
    const attributes = messageAttributes(systemOf(transport), envelope.id, envelope.type, envelope.correlationId)
    attributes[attribute.bodySize] = bytes
    this.#sending.set(event, startSpan(tracer, { operation: 'send', channel, attributes }, contextOf(envelope)))
  }

  #sent(event: PublishEvent): void {
    const span = this.#sending.get(event)
    const { outcome } = event
    if (!span) return
    this.#sending.delete(event)
    endSpan(span, outcome && outcome.kind !== 'confirmed' ? Object.assign(new Error(outcome.kind), { code: outcome.kind }) : undefined)
  }
}
