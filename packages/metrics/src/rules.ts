import type { Limits } from './alert-options.js'
import type { Facts } from './facts.js'
import { label } from './labels.js'
import { metric } from './names.js'

/** One thing that an operator wants to be told. In the process `read` measures it, in Prometheus `expression` does. */
export interface Rule {
  readonly name: string
  readonly severity: 'warning' | 'critical'
  /** Raised above it. */
  readonly limit: number
  /** Only when it lasts so long. */
  readonly forMs: number
  readonly expression: string
  /** What is wrong, for people; `{{ … }}` is filled in by Prometheus. */
  readonly summary: string
  /** What to do. */
  readonly advice: string
  read(facts: Facts): readonly Reading[]
}

export interface Reading {
  readonly about: string
  readonly value: number
}

/** The rules that are switched on. */
export function rulesOf(limits: Limits): readonly Rule[] {
  return [depth, failures, noConsumer, blocked, redelivered, criticalTime, outboxAge, sagasStuck].map((rule) => rule(limits)).filter((rule) => rule !== undefined)
}

const groups = `${label.channel}, ${label.group}`
const groupText = `group "{{ $labels.${label.group} }}" on "{{ $labels.${label.channel} }}"`
const aboutGroup = ({ channel, group }: { readonly channel: string; readonly group: string }): string => `group "${group}" on "${channel}"`

function depth({ depth: limit }: Limits): Rule | undefined {
  if (limit === undefined) return undefined

  return {
    name: 'WaybillQueueDepth',
    severity: 'warning',
    limit,
    forMs: 0,
    // Each process is told the same by the broker.
    expression: `max by (${groups}) (${metric.depth})`,
    summary: `{{ $value }} messages wait for ${groupText}`,
    advice: 'Look whether its listeners run, are slow or fail; raise their concurrency or start more processes.',
    read: ({ depths }) => depths.map((one) => ({ about: aboutGroup(one), value: one.waiting })),
  }
}

function failures({ failures: limit }: Limits): Rule | undefined {
  if (limit === undefined) return undefined

  return {
    name: 'WaybillFailures',
    severity: 'warning',
    limit,
    forMs: 0,
    expression: `sum by (${groups}) (increase(${metric.failures}[5m]))`,
    summary: `{{ $value | humanize }} tries failed within five minutes in ${groupText}`,
    advice: 'The log names the listener and the error; dead letters keep what could not be done.',
    read: ({ recent }) => recent.map((one) => ({ about: aboutGroup(one), value: one.failed })),
  }
}

function noConsumer({ noConsumerMs }: Limits): Rule | undefined {
  if (noConsumerMs === undefined) return undefined

  return {
    name: 'WaybillNoConsumer',
    severity: 'critical',
    limit: 0,
    forMs: noConsumerMs,
    expression: `1 - clamp_max(max by (${groups}) (${metric.consumers}), 1)`,
    summary: `Nobody takes messages of ${groupText}`,
    advice: 'Start a process with its service, or look into /health why its consumer is not attached.',
    read: ({ depths, health }) => [
      ...depths.flatMap((one) => (one.consumers === undefined ? [] : [{ about: aboutGroup(one), value: one.consumers === 0 ? 1 : 0 }])),
      ...health.consumers.filter((one) => !depths.some(isSame(one))).map((one) => ({ about: aboutGroup(one), value: one.attached ? 0 : 1 })),
    ],
  }
}

function blocked({ blockedMs }: Limits): Rule | undefined {
  if (blockedMs === undefined) return undefined

  return {
    name: 'WaybillBlocked',
    severity: 'critical',
    limit: 0,
    forMs: blockedMs,
    expression: `max by (${label.transport}, ${label.purpose}) (${metric.connectionBlocked})`,
    summary: `The broker of {{ $labels.${label.transport} }} takes no messages`,
    advice: 'It is short of memory or disk: let its queues run empty, or give it more.',
    read: ({ health }) => health.connections.map(({ transport, purpose, kind }) => ({ about: `${transport}, ${purpose}`, value: kind === 'blocked' ? 1 : 0 })),
  }
}

function redelivered({ redelivered: limit }: Limits): Rule | undefined {
  if (limit === undefined) return undefined

  return {
    name: 'WaybillRedelivered',
    severity: 'warning',
    limit,
    forMs: 0,
    expression: `sum by (${groups}) (increase(${metric.redelivered}[5m])) / (sum by (${groups}) (increase(${metric.consumed}[5m])) > ${fewest})`,
    summary: `{{ $value | humanizePercentage }} of the messages of ${groupText} came again`,
    advice: 'Processes end before they acknowledge, or connections break: look at restarts and reconnects.',
    read: ({ recent }) => recent.filter(({ consumed }) => consumed > fewest).map((one) => ({ about: aboutGroup(one), value: one.redelivered / one.consumed })),
  }
}

function criticalTime({ criticalTimeMs }: Limits): Rule | undefined {
  if (criticalTimeMs === undefined) return undefined

  return {
    name: 'WaybillCriticalTime',
    severity: 'warning',
    limit: 0.01,
    forMs: 0,
    expression: `1 - sum by (${groups}) (increase(${metric.critical}_bucket{le="${criticalTimeMs / 1_000}"}[5m])) / sum by (${groups}) (increase(${metric.critical}_count[5m]))`,
    summary: `{{ $value | humanizePercentage }} of the messages of ${groupText} took longer than ${criticalTimeMs / 1_000} s from their sending on`,
    advice: 'More comes in than is worked off: look at the depth and the processing time of its listeners.',
    read: ({ recent }) => recent.filter(({ consumed }) => consumed > 0).map((one) => ({ about: aboutGroup(one), value: one.late / one.consumed })),
  }
}

function outboxAge({ outboxAgeMs }: Limits): Rule | undefined {
  if (outboxAgeMs === undefined) return undefined

  return {
    name: 'WaybillOutboxAge',
    severity: 'critical',
    limit: outboxAgeMs / 1_000,
    forMs: 0,
    expression: `max by (${label.shard}) (${metric.outboxOldest})`,
    summary: `A committed message has waited {{ $value | humanizeDuration }} in shard "{{ $labels.${label.shard} }}" of the outbox`,
    advice: 'Look whether a relay runs, whether its broker takes messages, and whether the store answers.',
    read: ({ shards }) => shards.map(({ shard, oldestMs }) => ({ about: shard, value: (oldestMs ?? 0) / 1_000 })),
  }
}

function sagasStuck({ sagasStuck: limit }: Limits): Rule | undefined {
  if (limit === undefined) return undefined

  return {
    name: 'WaybillSagaStuck',
    severity: 'critical',
    limit,
    forMs: 0,
    expression: `max by (${label.saga}) (${metric.sagas}{${label.status}="stuck"})`,
    summary: `Of saga "{{ $labels.${label.saga} }}" so many are stuck and wait for a person: {{ $value }}`,
    advice: 'The history of a stuck saga says at which step and why; retry that step, skip it or compensate the saga.',
    read: ({ sagas }) => sagas.map(({ saga, open }) => ({ about: saga, value: open['stuck'] ?? 0 })),
  }
}

/** A share of fewer messages says nothing. */
const fewest = 20

function isSame({
  channel,
  group,
}: {
  readonly channel: string
  readonly group: string
}): (other: { readonly channel: string; readonly group: string; readonly consumers: number | undefined }) => boolean {
  return (other) => other.channel === channel && other.group === group && other.consumers !== undefined
}
