import type { PublishEvent } from '@waybill/core'
import type { Durations } from './durations.js'
import { label, type Values } from './labels.js'
import { metric } from './names.js'
import type { Count } from './series-counter.js'
import type { Subject } from './subject.js'

/** What the app sends: how much, how long until the broker has it, and what it would not have. */
export function publishedMetrics({ host, meters, options, observing, systemOf }: Subject): void {
  const labels = [label.system, label.channel] as const
  const returned = meters.counter({ name: metric.returned, help: 'Messages that nobody would have got, so the broker gave them back.', labels })
  const sent = meters.counter({
    name: metric.sent,
    help: 'Messages that left, by outcome: error_type is empty where the broker has it.',
    labels: [...labels, label.message, label.error],
  })
  const operation = meters.histogram(
    { name: metric.operation, help: 'Seconds from a publish until the broker had it, or until it was given up.', labels: [...labels, label.operation] },
    options.buckets.process,
  )
  const places = new Map<string, Place>()
  const placeOf = ({ transport, channel }: Pick<PublishEvent, 'transport' | 'channel'>): Place => {
    const known = places.get(`${transport} ${channel}`)
    if (known) return known
    const values = { [label.system]: systemOf(transport), [label.channel]: channel }
    const made: Place = { values, returned: returned.series(values), sent: new Map(), durations: operation.series({ ...values, [label.operation]: 'send' }) }
    places.set(`${transport} ${channel}`, made)

    return made
  }
  const sentOf = (place: Place, message: string, outcome: string): Count => {
    const name = `${message} ${outcome}`
    const known = place.sent.get(name) ?? sent.series({ ...place.values, [label.message]: message, [label.error]: outcome === 'confirmed' ? '' : outcome })
    place.sent.set(name, known)

    return known
  }
  for (const { definition } of host.plan.published) sentOf(placeOf({ transport: host.transportOf(definition.channel), channel: definition.channel }), definition.name, 'confirmed')

  observing.on('published', (event: PublishEvent) => {
    const outcome = event.outcome?.kind ?? 'unknown'
    const place = placeOf(event)
    sentOf(place, event.envelope.type, outcome).count++
    if (outcome === 'unroutable') place.returned.count++
    operation.add(place.durations, (host.runtime.elapsed() - event.since) / 1_000, event.envelope.traceparent)
  })
}

/** Where messages go, with what is counted there. */
interface Place {
  readonly values: Values
  readonly durations: Durations
  readonly returned: Count
  readonly sent: Map<string, Count>
}
