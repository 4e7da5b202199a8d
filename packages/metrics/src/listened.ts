import { Ignore, type ProcessEvent, WaybillError, DeadLetter } from '@waybill/core'
import { label } from './labels.js'
import type { Values } from './meters.js'
import { momentOf } from './moment.js'
import { metric } from './names.js'
import type { Subject } from './subject.js'

/** What each listener takes: how much, how long, how old it was when it was done, and what went wrong. */
export function listenedMetrics({ host, meters, options, watching, systemOf }: Subject): void {
  const labels = [label.system, label.channel, label.group, label.listener] as const
  const consumed = meters.counter({ name: metric.consumed, help: 'Messages that were given to a listener; each try counts.', labels })
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
  const redelivered = meters.counter({ name: metric.redelivered, help: 'Messages that the broker had delivered before.', labels })
  const retries = meters.counter({ name: metric.retries, help: 'Next tries, by who keeps the message until then: process or broker.', labels: [...labels, label.keptBy] })

  const known = new Map<string, Values>()
  const valuesOf = ({ transport, channel, group, listener }: Pick<ProcessEvent, 'transport' | 'channel' | 'group' | 'listener'>): Values => {
    const name = `${channel} ${group} ${listener}`
    let values = known.get(name)
    if (!values) {
      values = { [label.system]: systemOf(transport), [label.channel]: channel, [label.group]: group, [label.listener]: listener }
      known.set(name, values)
    }

    return values
  }

  watching.on('tracing:waybill:process:asyncEnd', (event) => {
    const values = valuesOf(event)
    const { time, traceparent } = event.envelope
    consumed.inc(values)
    process(values, (host.runtime.elapsed() - event.since) / 1_000, traceparent)
    if (event.redelivered) redelivered.inc(values)
    const reason = reasonOf(event.error)
    if (reason) return failures.inc({ ...values, [label.reason]: reason })
    const age = (host.runtime.now() - momentOf(time)) / 1_000
    // Clocks of two machines differ: what came from the future came now.
    if (!Number.isNaN(age)) critical(values, Math.max(0, age), traceparent)
  })
  watching.on('waybill:retry', (event) => retries.inc({ ...valuesOf(event), [label.keptBy]: event.keptBy }))
}

function reasonOf(error: unknown): 'error' | 'timeout' | 'decided' | undefined {
  if (error === undefined || error instanceof Ignore) return undefined
  if (error instanceof DeadLetter) return 'decided'

  return error instanceof WaybillError && error.code === 'LISTENER_TIMEOUT' ? 'timeout' : 'error'
}
