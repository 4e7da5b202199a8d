import { ConfigError, type Duration, type Fault, parseDuration, unknownOptions } from '@waybill/core'
import { assertObject, describe } from './given.js'

/** What is said when something is wrong for a while, and again when it is well. */
export interface Alert {
  /** Stable: `WaybillQueueDepth`, the same as in the rule file for Prometheus. */
  readonly rule: string
  readonly state: 'raised' | 'cleared'
  readonly severity: 'warning' | 'critical'
  readonly app: string
  /** What it is about: a group on a channel, a connection. */
  readonly about: string
  readonly value: number
  readonly limit: number
  /** A sentence for a person. */
  readonly text: string
}

export interface AlertOptions {
  /** Messages that wait for one group. Default: 10,000; false: no such rule, as for each. */
  readonly depth?: number | false
  /** Failed tries of one group within five minutes. Default: 100. */
  readonly failures?: number | false
  /** How long a group may be without any consumer. Default: 1m. */
  readonly noConsumer?: Duration | false
  /** How long a broker may block a connection. Default: 1m. */
  readonly blocked?: Duration | false
  /** Which share of a group's messages of five minutes may have come again. Default: 0.2. */
  readonly redelivered?: number | false
  /** Within which time 99 of 100 messages are to be done, from their sending on. For Prometheus it is to be one of the buckets of the critical time. Default: false. */
  readonly criticalTime?: Duration | false
  /** How long a committed message may wait in the outbox. Default: 1m. */
  readonly outboxAge?: Duration | false
  /** Sagas of one name that are stuck: none goes on without a person. Default: 0. */
  readonly sagasStuck?: number | false
  /** How often it is looked. Default: 1m. */
  readonly every?: Duration
  /** Called with each alert; what it throws is logged. Default: alerts are log lines alone. */
  readonly send?: (alert: Alert) => void | Promise<void>
  /** Where each alert is sent to as JSON, five times before it is given up. */
  readonly webhook?: string | { readonly url: string; readonly headers?: Readonly<Record<string, string>> }
}

export interface Limits {
  readonly depth: number | undefined
  readonly failures: number | undefined
  readonly noConsumerMs: number | undefined
  readonly blockedMs: number | undefined
  readonly redelivered: number | undefined
  readonly criticalTimeMs: number | undefined
  readonly outboxAgeMs: number | undefined
  readonly sagasStuck: number | undefined
}

export interface ResolvedAlertOptions {
  readonly limits: Limits
  readonly everyMs: number
  readonly send: AlertOptions['send']
  readonly webhook: { readonly url: string; readonly headers: Readonly<Record<string, string>> } | undefined
}

/** Every default, and every fault in one error. */
export function resolveAlertOptions(given: AlertOptions): ResolvedAlertOptions {
  assertObject('alerts', 'ALERT_OPTION', given)
  const faults: Fault[] = unknownOptions('alerts', given, knownOptions)
  const fault = (name: string, expected: string, found: unknown): undefined =>
    void faults.push({ code: 'ALERT_OPTION', message: `"${name}" of alerts is to be ${expected}; found ${describe(found)}.` })
  const number = (name: string, value: number | false): number | undefined => {
    if (value === false) return undefined

    return Number.isFinite(value) && value >= 0 ? value : fault(name, 'a number of 0 or more, or false', value)
  }
  const duration = (name: string, value: Duration | false): number | undefined =>
    value === false ? undefined : (parseDuration(value) ?? fault(name, 'a duration such as 1m, or false', value))
  const { depth = 10_000, failures = 100, noConsumer = '1m', blocked = '1m', redelivered = 0.2, criticalTime = false, outboxAge = '1m', sagasStuck = 0 } = given
  const { every = '1m', send, webhook } = given
  const hook = typeof webhook === 'string' ? { url: webhook } : webhook
  if (send !== undefined && typeof send !== 'function') fault('send', 'a function that takes an alert', send)
  if (hook !== undefined && (typeof hook !== 'object' || hook === null)) fault('webhook', 'an address such as https://example.org/alerts', hook)
  else if (hook && !URL.canParse(hook.url)) fault('webhook', 'an address such as https://example.org/alerts', hook.url)
  const everyMs = duration('every', every) ?? 0
  if (everyMs < 1_000) fault('every', '1s or more', every)
  const resolved: ResolvedAlertOptions = {
    limits: {
      depth: number('depth', depth),
      failures: number('failures', failures),
      noConsumerMs: duration('noConsumer', noConsumer),
      blockedMs: duration('blocked', blocked),
      redelivered: number('redelivered', redelivered),
      criticalTimeMs: duration('criticalTime', criticalTime),
      outboxAgeMs: duration('outboxAge', outboxAge),
      sagasStuck: number('sagasStuck', sagasStuck),
    },
    everyMs,
    send,
    webhook: hook?.url === undefined ? undefined : { url: hook.url, headers: hook.headers ?? {} },
  }
  if (faults.length > 0) throw new ConfigError(faults)

  return Object.freeze(resolved)
}

const knownOptions = Object.keys({
  depth: true,
  failures: true,
  noConsumer: true,
  blocked: true,
  redelivered: true,
  criticalTime: true,
  outboxAge: true,
  sagasStuck: true,
  every: true,
  send: true,
  webhook: true,
} satisfies Record<keyof AlertOptions, true>)
