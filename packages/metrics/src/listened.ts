import { Ignore, type ProcessEvent, WaybillError, DeadLetter } from '@waybill/core'
import type { Durations } from './durations.js'
import { type Label, label } from './labels.js'
import type { Values } from './meters.js'
import { momentOf } from './moment.js'
import { metric } from './names.js'
import type { Subject } from './subject.js'

/** What each listener takes: how much, how long, how old it was when it was done, and what went wrong. */
export function listenedMetrics({ host, meters, options, observing, systemOf }: Subject): void {
  const labels = [label.system, label.channel, label.group, label.listener] as const
  const process = meters.histogram({ name: metric.process, help: 'Seconds that a listener worked on a message, or on the batch with it.', labels }, options.buckets.process)
  const critical = meters.histogram(
    { name: metric.critical, help: 'Critical time: seconds from the sending of a message until its listener had done it.', labels },
    options.buckets.critical,
  )
  const failures = meters.counter({
    name: metric.failures,
    help: 'Tries that ended in an error, by what it was: error, timeout, decided (thrown DeadLetter).',
    labels: [...labels, label.reason],
  })
  const retries = meters.counter({ name: metric.retries, help: 'Next tries, by who keeps the message until then: process or broker.', labels: [...labels, label.keptBy] })

  const tallies = new Tallies((event) => {
    const values = { [label.system]: systemOf(event.transport), [label.channel]: event.channel, [label.group]: event.group, [label.listener]: event.listener }

    return { of: event, values, consumed: 0, redelivered: 0, process: process.series(values), critical: critical.series(values) }
  })
  countedOnScrape(meters, labels, tallies)

  observing.on('processed', (event) => {
    const tally = tallies.of(event)
    const { values } = tally
    const { time, traceparent } = event.envelope
    tally.consumed++
    if (event.redelivered) tally.redelivered++
    process.add(tally.process, (host.runtime.elapsed() - event.since) / 1_000, traceparent)
    const reason = reasonOf(event.error)
    if (reason) return failures.inc({ ...values, [label.reason]: reason })
    const age = (host.runtime.now() - momentOf(time)) / 1_000
    // Clocks of two machines differ: what came from the future came now.
    if (!Number.isNaN(age)) critical.add(tally.critical, Math.max(0, age), traceparent)
  })
  observing.on('retried', (event) => retries.inc({ ...tallies.of(event).values, [label.keptBy]: event.keptBy }))
}

function countedOnScrape(meters: Subject['meters'], labels: readonly Label[], tallies: Tallies): void {
  meters.tally({ name: metric.consumed, help: 'Messages that were given to a listener; each try counts.', labels }, (add) => {
    for (const { values, consumed } of tallies.all) add(values, consumed)
  })
  meters.tally({ name: metric.redelivered, help: 'Messages that the broker had delivered before.', labels }, (add) => {
    for (const { values, redelivered } of tallies.all) if (redelivered > 0) add(values, redelivered)
  })
}

/** What is counted without a metric, and written into one when somebody looks. */
interface Tally {
  readonly of: Listening
  readonly values: Values
  readonly process: Durations
  readonly critical: Durations
  consumed: number
  redelivered: number
}

type Listening = Pick<ProcessEvent, 'transport' | 'channel' | 'group' | 'listener'>

class Tallies {
  readonly #make: (of: Listening) => Tally
  readonly #known = new Map<string, Tally>()
  #last: Tally | undefined

  constructor(make: (of: Listening) => Tally) {
    this.#make = make
  }

  get all(): Iterable<Tally> {
    return this.#known.values()
  }

  /** Messages of one listener come one after another, so mostly it is the last one. */
  of(event: Listening): Tally {
    const last = this.#last
    if (last && last.of.listener === event.listener && last.of.group === event.group && last.of.channel === event.channel) return last

    return (this.#last = this.#find(event))
  }

  #find({ transport, channel, group, listener }: Listening): Tally {
    const name = `${channel} ${group} ${listener}`
    const tally = this.#known.get(name) ?? this.#make({ transport, channel, group, listener })
    this.#known.set(name, tally)

    return tally
  }
}

function reasonOf(error: unknown): 'error' | 'timeout' | 'decided' | undefined {
  if (error === undefined || error instanceof Ignore) return undefined
  if (error instanceof DeadLetter) return 'decided'

  return error instanceof WaybillError && error.code === 'LISTENER_TIMEOUT' ? 'timeout' : 'error'
}
