import { type Attributes, type Context, context, type Link, ROOT_CONTEXT, type Span, trace } from '@opentelemetry/api'
import { type BatchItem, type Delivery, Ignore, type ListenCall, type ProcessEvent } from '@waybill/core'
import { attribute } from './attributes.js'
import { type Carried, contextOf, spanContextOf } from './carrier.js'
import type { Ground } from './ground.js'
import { endSpan, startSpan } from './spans.js'
import { messageAttributes } from './told.js'

/** Spans of the work on messages. What a listener does itself hangs below them. */
export class Working {
  readonly #ground: Ground
  readonly #spans = new WeakMap<Delivery, Span>()
  readonly #events = new WeakMap<Delivery, ProcessEvent>()

  constructor(ground: Ground) {
    this.#ground = ground
    ground.watching.on('tracing:waybill:process:start', (event) => this.#begins(event))
    ground.watching.on('tracing:waybill:process:asyncEnd', (event) => this.#ended(event))
  }

  /** Runs a listener in the span of its message, or of its batch. */
  around(call: ListenCall, next: () => Promise<unknown>): Promise<unknown> {
    if (call.items) return this.#aroundBatch(call.items, next)
    const event = this.#events.get(call.delivery)
    const span = this.#spans.get(call.delivery)

    return event && span ? this.#inside(() => trace.setSpan(this.#ground.baggage.open(event.envelope, ROOT_CONTEXT), span), next) : next()
  }

  #begins(event: ProcessEvent): void {
    this.#events.set(event.delivery, event)
    if (event.batch !== undefined) return
    const { systemOf, tracer } = this.#ground
    const { channel, id, transport, envelope, bytes, redelivered } = event
    const attributes: Attributes = {
      ...messageAttributes(systemOf(transport), { ...envelope, type: event.messageName, id }),
      ...workAttributes(event),
      [attribute.bodySize]: bytes,
      [attribute.attempt]: event.attempt,
      [attribute.redelivered]: redelivered,
    }
    this.#spans.set(event.delivery, startSpan(tracer, { operation: 'process', channel, attributes, ...this.#links(envelope) }, this.#parent(envelope)))
  }

  #ended({ delivery, error }: ProcessEvent): void {
    const span = this.#spans.get(delivery)
    if (span) endSpan(span, error instanceof Ignore ? undefined : error)
  }

  #parent(envelope: Carried): Context {
    return this.#ground.options.consume === 'parent' ? contextOf(envelope) : ROOT_CONTEXT
  }

  #links(envelope: Carried): { links?: Link[] } {
    const made = this.#ground.options.consume === 'link' ? spanContextOf(envelope) : undefined

    return made ? { links: [{ context: made }] } : {}
  }

  /** No message of a batch is its parent: it is linked to all of them. */
  async #aroundBatch(items: readonly BatchItem[], next: () => Promise<unknown>): Promise<unknown> {
    const events = items.flatMap((item) => this.#events.get(item) ?? [])
    const [first] = events
    if (!first) return next()
    const span = this.#startBatch(first, events)
    if (!span) return next()
    try {
      const value = await this.#inside(() => trace.setSpan(ROOT_CONTEXT, span), next)
      this.#ground.watching.safely(() => endSpan(span, undefined))

      return value
    } catch (error) {
      this.#ground.watching.safely(() => endSpan(span, error))
      throw error
    }
  }

  #startBatch(first: ProcessEvent, events: readonly ProcessEvent[]): Span | undefined {
    const { systemOf, tracer, watching } = this.#ground
    let span: Span | undefined
    watching.safely(() => {
      const links = events.flatMap(({ envelope, id }) => {
        const made = spanContextOf(envelope)

        return made ? [{ context: made, attributes: { [attribute.messageId]: id } }] : []
      })
      const attributes = { [attribute.system]: systemOf(first.transport), ...workAttributes(first), [attribute.batchCount]: events.length }
      span = startSpan(tracer, { operation: 'process', channel: first.channel, attributes, links }, ROOT_CONTEXT)
    })

    return span
  }

  /** Whatever the context manager does, the listener runs once. */
  #inside(contextOfIt: () => Context, next: () => Promise<unknown>): Promise<unknown> {
    let running: Promise<unknown> | undefined
    this.#ground.watching.safely(() => {
      context.with(contextOfIt(), () => {
        running = next()
      })
    })

    return running ?? next()
  }
}

function workAttributes({ group, listener }: ProcessEvent): Attributes {
  return { [attribute.group]: group, [attribute.listener]: listener }
}
