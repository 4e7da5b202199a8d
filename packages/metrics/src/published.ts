import type { PublishEvent } from '@waybill/core'
import { label } from './labels.js'
import { metric } from './names.js'
import type { Subject } from './subject.js'

/** What the app sends: how much, how long until the broker has it, and what it would not have. */
export function publishedMetrics({ host, meters, options, watching, systemOf }: Subject): void {
  const labels = [label.system, label.channel] as const
  const sent = meters.counter({
    name: metric.sent,
    help: 'Messages that left, by outcome: error_type is empty where the broker has it.',
    labels: [...labels, label.message, label.error],
  })
  const returned = meters.counter({ name: metric.returned, help: 'Messages that nobody would have got, so the broker gave them back.', labels })
  const operation = meters.histogram(
    { name: metric.operation, help: 'Seconds from a publish until the broker had it, or until it was given up.', labels: [...labels, label.operation] },
    options.buckets.process,
  )

  watching.on('tracing:waybill:publish:asyncEnd', (event: PublishEvent) => {
    const outcome = event.outcome?.kind ?? 'unknown'
    const place = { [label.system]: systemOf(event.transport), [label.channel]: event.channel }
    sent.inc({ ...place, [label.message]: event.envelope.type, [label.error]: outcome === 'confirmed' ? '' : outcome })
    if (outcome === 'unroutable') returned.inc(place)
    operation({ ...place, [label.operation]: 'send' }, (host.runtime.elapsed() - event.since) / 1_000, event.envelope.traceparent)
  })
}
