import { label } from './labels.js'
import { metric } from './names.js'
import type { Subject } from './subject.js'

/** What ended as a dead letter, and what passed by on a log. */
export function deadMetrics({ meters, observing, systemOf }: Subject): void {
  const labels = [label.system, label.channel, label.group] as const
  const dead = meters.counter({
    name: metric.deadLetters,
    help: 'Messages that became dead letters, by reason: invalid, unknown-type, failed, killed (the process, again and again), parked.',
    labels: [...labels, label.reason],
  })
  const skipped = meters.counter({ name: metric.skipped, help: 'Messages of types that nobody of the group takes, which passed by on a log.', labels })

  observing.on('deadLettered', ({ transport, channel, group, reason }) =>
    dead.inc({ [label.system]: systemOf(transport), [label.channel]: channel, [label.group]: group, [label.reason]: kinds[reason] ?? 'failed' }),
  )
  observing.on('skipped', ({ transport, channel, group }) => skipped.inc({ [label.system]: systemOf(transport), [label.channel]: channel, [label.group]: group }))
}

/** Few kinds for many codes: each is one series for each group. What is not named failed. */
const kinds: Readonly<Record<string, string>> = {
  LIMIT: 'invalid',
  ENVELOPE: 'invalid',
  UNKNOWN_VERSION: 'invalid',
  CONTENT_TYPE: 'invalid',
  BODY: 'invalid',
  UPCAST: 'invalid',
  SCHEMA: 'invalid',
  UNKNOWN_TYPE: 'unknown-type',
  KILLED_THE_PROCESS: 'killed',
  PARKED: 'parked',
}
