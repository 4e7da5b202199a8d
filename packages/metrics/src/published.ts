import type { PublishEvent } from '@waybill/core'
import type { Durations } from './durations.js'
import { label } from './labels.js'
import { metric } from './names.js'
import type { Subject } from './subject.js'

/** What the app sends: how much, how long until the broker has it, and what it would not have. */
export function publishedMetrics({ host, meters, options, observing, systemOf }: Subject): void {
  const labels = [label.system, label.channel] as const
  const returned = meters.counter({ name: metric.returned, help: 'Messages that nobody would have got, so the broker gave them back.', labels })
  const operation = meters.histogram(
    { name: metric.operation, help: 'Seconds from a publish until the broker had it, or until it was given up.', labels: [...labels, label.operation] },
    options.buckets.process,
  )
  const places = new Map<string, Place>()
  const placeOf = ({ transport, channel }: PublishEvent): Place => {
    const known = places.get(`${transport} ${channel}`)
    if (known) return known
    const values = { [label.system]: systemOf(transport), [label.channel]: channel }
    const made: Place = { values, sent: new Map(), durations: operation.series({ ...values, [label.operation]: 'send' }) }
    places.set(`${transport} ${channel}`, made)

    return made
  }
  meters.tally(
    { name: metric.sent, help: 'Messages that left, by outcome: error_type is empty where the broker has it.', labels: [...labels, label.message, label.error] },
    (add) => {
      for (const { values, sent } of places.values())
        for (const { message, error, count } of sent.values()) add({ ...values, [label.message]: message, [label.error]: error }, count)
    },
  )

  observing.on('published', (event: PublishEvent) => {
    const outcome = event.outcome?.kind ?? 'unknown'
    const { values, sent, durations } = placeOf(event)
    const message = event.envelope.type
    const name = `${message} ${outcome}`
    const tally = sent.get(name) ?? { message, error: outcome === 'confirmed' ? '' : outcome, count: 0 }
    tally.count++
    sent.set(name, tally)
    if (outcome === 'unroutable') returned.inc(values)
    operation.add(durations, (host.runtime.elapsed() - event.since) / 1_000, event.envelope.traceparent)
  })
}

/** Counted without a metric, and written into one when somebody looks. */
interface Place {
  readonly values: Record<typeof label.system | typeof label.channel, string>
  readonly durations: Durations
  readonly sent: Map<string, { readonly message: string; readonly error: string; count: number }>
}
