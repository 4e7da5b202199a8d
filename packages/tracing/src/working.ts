import { type Context, context, ROOT_CONTEXT, type Span, trace } from '@opentelemetry/api'
import { Ignore, type ListenCall, type ProcessEvent } from '@waybill/core'
import { attribute } from './attributes.js'
import { spanContextOf } from './carrier.js'
import type { Ground } from './ground.js'
import { endSpan, startSpan } from './spans.js'
import { messageAttributes } from './told.js'

/** Spans of the work on messages. What a listener does itself hangs below them. */
export class Working {
  readonly #ground: Ground
  readonly #spans = new Map<ProcessEvent, Span>()

  constructor(ground: Ground) {
    this.#ground = ground
    ground.observing.on('processing', (event) => this.#begins(event))
    ground.observing.on('processed', (event) => this.#ended(event))
  }

  /** Runs a listener in the span of its message, or of its batch. */
  around({ items, told }: ListenCall, next: () => Promise<unknown>): Promise<unknown> {
    const first = told?.[0]
    if (!told || !first) return next()
    if (items) return this.#aroundBatch(first, told, next)
    const span = this.#spans.get(first)

    return span ? this.#inside(() => trace.setSpan(this.#ground.baggage.open(first.envelope, ROOT_CONTEXT), span), next) : next()
  }

  /** What is worked on now returns to the broker. */
  stop(): void {
    for (const span of this.#spans.values()) this.#ground.observing.safely(() => span.end())
    this.#spans.clear()
  }

  #begins(event: ProcessEvent): void {
    if (event.batch !== undefined) return
    const { channel, id, messageName, transport, envelope, bytes, attempt } = event
    const attributes = messageAttributes(this.#ground.systemOf(transport), id, messageName, envelope.correlationId)
    attributes[attribute.group] = event.group
    attributes[attribute.listener] = event.listener
    attributes[attribute.bodySize] = bytes
    attributes[attribute.attempt] = attempt
    if (event.redelivered) attributes[attribute.redelivered] = true
    const made = spanContextOf(envelope)
    const isLinked = this.#ground.options.consume === 'link'
    const parent = made && !isLinked ? trace.setSpanContext(ROOT_CONTEXT, made) : ROOT_CONTEXT
    const work = { operation: 'process', channel, attributes, links: made && isLinked ? [{ context: made }] : undefined } as const
    this.#spans.set(event, startSpan(this.#ground.tracer, work, parent))
  }

  #ended(event: ProcessEvent): void {
    const span = this.#spans.get(event)
    if (!span) return
    this.#spans.delete(event)
    endSpan(span, event.error instanceof Ignore ? undefined : event.error)
  }

  /** No message of a batch is its parent: it is linked to all of them. */
  async #aroundBatch(first: ProcessEvent, events: readonly ProcessEvent[], next: () => Promise<unknown>): Promise<unknown> {
    const span = this.#startBatch(first, events)
    if (!span) return next()
    try {
      const value = await this.#inside(() => trace.setSpan(ROOT_CONTEXT, span), next)
      this.#ground.observing.safely(() => endSpan(span, undefined))

      return value
    } catch (error) {
      this.#ground.observing.safely(() => endSpan(span, error))
      throw error
    }
  }

  #startBatch(first: ProcessEvent, events: readonly ProcessEvent[]): Span | undefined {
    const { systemOf, tracer, observing } = this.#ground
    let span: Span | undefined
    observing.safely(() => {
      const links = events.flatMap(({ envelope, id }) => {
        const made = spanContextOf(envelope)

        return made ? [{ context: made, attributes: { [attribute.messageId]: id } }] : []
      })
      const { channel, group, listener, transport } = first
      const attributes = { [attribute.system]: systemOf(transport), [attribute.group]: group, [attribute.listener]: listener, [attribute.batchCount]: events.length }
      span = startSpan(tracer, { operation: 'process', channel, attributes, links }, ROOT_CONTEXT)
    })

    return span
  }

  /** Whatever the context manager does, the listener runs once. */
  #inside(contextOfIt: () => Context, next: () => Promise<unknown>): Promise<unknown> {
    let running: Promise<unknown> | undefined
    this.#ground.observing.safely(() => {
      context.with(contextOfIt(), () => {
        running = next()
      })
    })

    return running ?? next()
  }
}
