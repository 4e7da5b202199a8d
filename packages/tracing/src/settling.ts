import type { DeadLetterEvent, RetryEvent, SettleEvent } from '@waybill/core'
import { attribute } from './attributes.js'
import { contextOf } from './carrier.js'
import type { Ground } from './ground.js'
import { endSpan, type Operation, startSpan } from './spans.js'
import { messageAttributes } from './told.js'

/** Spans of what became of a message: it is tried again, it is dead, and where that is asked for it is acknowledged. They stand in the trace of its sending. */
export function settlingSpans({ tracer, observing, options, systemOf }: Ground): void {
  const tell = (
    operation: Operation,
    { transport, channel, group, id, envelope }: RetryEvent | DeadLetterEvent | SettleEvent,
    more: Readonly<Record<string, string | number>>,
  ): void => {
    const attributes = { ...messageAttributes(systemOf(transport), id, envelope.type, envelope.correlationId), [attribute.group]: group, ...more }
    endSpan(startSpan(tracer, { operation, channel, attributes }, contextOf(envelope)), undefined)
  }

  if (options.settle) observing.on('settled', (event) => tell('ack', event, { [attribute.listener]: event.listener }))
  observing.on('retried', (event) => tell('retry', event, { [attribute.listener]: event.listener, [attribute.attempt]: event.attempt, [attribute.afterMs]: event.afterMs }))
  observing.on('deadLettered', (event) => tell('dead_letter', event, { [attribute.reason]: event.reason }))
}
