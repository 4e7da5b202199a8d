import { Ignore, WaybillError, DeadLetter } from '@waybill/core'
import type { Durations } from './durations.js'
import { label } from './labels.js'
import { momentOf } from './moment.js'
import { metric } from './names.js'
import type { Count } from './series-counter.js'
import type { Listening, Subject } from './subject.js'

/** What each listener takes: how much, how long, how old it was when it was done, and what went wrong. */
export function listenedMetrics(subject: Subject): void {
  const { host, listeners, observing } = subject
  const { makeTally, process, critical } = tallying(subject)
  const tallies = new Tallies(makeTally)
  for (const listener of listeners) tallies.of(listener)

  observing.on('processed', (event) => {
    const tally = tallies.of(event)
    const { time, traceparent } = event.envelope
    tally.consumed.count++
    if (event.redelivered) tally.redelivered.count++
    process.add(tally.process, (host.runtime.elapsed() - event.since) / 1_000, traceparent)
    const reason = reasonOf(event.error)
    if (reason) {
      tally.failures[reason].count++
      return
    }
    const age = (host.runtime.now() - momentOf(time)) / 1_000
    // Clocks of two machines differ: what came from the future came now.
    if (!Number.isNaN(age)) critical.add(tally.critical, Math.max(0, age), traceparent)
  })
  observing.on('retried', (event) => tallies.of(event).retries[event.keptBy].count++)
}

/** Makes the metrics, and of a listener everything that is counted of it. */
function tallying({ meters, options, systemOf }: Subject) {
  const labels = [label.system, label.channel, label.group, label.listener] as const
  const consumed = meters.counter({ name: metric.consumed, help: 'Messages that were given to a listener; each try counts.', labels })
  const redelivered = meters.counter({ name: metric.redelivered, help: 'Messages that the broker had delivered before.', labels })
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
  const makeTally = (of: Listening): Tally => {
    const values = { [label.system]: systemOf(of.transport), [label.channel]: of.channel, [label.group]: of.group, [label.listener]: of.listener }
    const failed = (reason: Reason): Count => failures.series({ ...values, [label.reason]: reason })
    const retried = (keptBy: 'process' | 'broker'): Count => retries.series({ ...values, [label.keptBy]: keptBy })

    return {
      of,
      consumed: consumed.series(values),
      redelivered: redelivered.series(values),
      process: process.series(values),
      critical: critical.series(values),
      failures: { error: failed('error'), timeout: failed('timeout'), decided: failed('decided') },
      retries: { process: retried('process'), broker: retried('broker') },
    }
  }

  return { makeTally, process, critical }
}

interface Tally {
  readonly of: Listening
  readonly consumed: Count
  readonly redelivered: Count
  readonly process: Durations
  readonly critical: Durations
  readonly failures: Readonly<Record<Reason, Count>>
  readonly retries: Readonly<Record<'process' | 'broker', Count>>
}

class Tallies {
  readonly #make: (of: Listening) => Tally
  readonly #known = new Map<string, Tally>()
  #last: Tally | undefined

  constructor(make: (of: Listening) => Tally) {
    this.#make = make
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

type Reason = 'error' | 'timeout' | 'decided'

function reasonOf(error: unknown): Reason | undefined {
  if (error === undefined || error instanceof Ignore) return undefined
  if (error instanceof DeadLetter) return 'decided'

  return error instanceof WaybillError && error.code === 'LISTENER_TIMEOUT' ? 'timeout' : 'error'
}
