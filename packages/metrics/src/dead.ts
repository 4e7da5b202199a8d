import { label, type Values } from './labels.js'
import { metric } from './names.js'
import type { Listening, Subject } from './subject.js'

/** What ended as a dead letter, and what passed by on a log. */
export function deadMetrics({ listeners, meters, observing, systemOf }: Subject): void {
  const labels = [label.system, label.channel, label.group] as const
  const dead = meters.counter({
    name: metric.deadLetters,
    help: 'Messages that became dead letters, by reason: invalid, unknown-type, failed, killed (the process, again and again), parked.',
    labels: [...labels, label.reason],
  })
  const skipped = meters.counter({ name: metric.skipped, help: 'Messages of types that nobody of the group takes, which passed by on a log.', labels })

  const valuesOf = ({ transport, channel, group }: Omit<Listening, 'listener'>): Values => ({
    [label.system]: systemOf(transport),
    [label.channel]: channel,
    [label.group]: group,
  })
  for (const listener of listeners) for (const reason of ['failed', ...Object.values(kinds)]) dead.series({ ...valuesOf(listener), [label.reason]: reason })
  observing.on('deadLettered', (event) => dead.series({ ...valuesOf(event), [label.reason]: kinds[event.reason] ?? 'failed' }).count++)
  observing.on('skipped', (event) => skipped.series(valuesOf(event)).count++)
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
