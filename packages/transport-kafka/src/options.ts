import type { Duration, Fault } from '@waybill/core'
import { parseDuration, unknownOptions } from '@waybill/core'
import type { KafkaConfig } from 'kafkajs'

export interface KafkaOptions {
  /** Where the cluster is first looked for: `['127.0.0.1:9092']`. */
  readonly brokers: readonly string[]
  /** TLS: `true`, or what `tls.connect` takes. Default: off. */
  readonly ssl?: KafkaConfig['ssl']
  /** User and mechanism, as kafkajs takes them. Never printed. */
  readonly sasl?: KafkaConfig['sasl']
  /** How often finished work is committed. A crash repeats at most so much. Default: 500 ms. */
  readonly commitInterval?: Duration
  /** How long a silent process keeps its partitions. Default: 30 s. */
  readonly sessionTimeout?: Duration
  /** How long one request to a broker may take. Default: 10 s. */
  readonly requestTimeout?: Duration
}

export interface ResolvedOptions {
  readonly brokers: readonly string[]
  readonly ssl: KafkaConfig['ssl']
  readonly sasl: KafkaConfig['sasl']
  readonly commitIntervalMs: number
  readonly sessionTimeoutMs: number
  readonly requestTimeoutMs: number
}

const known = ['brokers', 'ssl', 'sasl', 'commitInterval', 'sessionTimeout', 'requestTimeout'] as const
const address = /^[^\s:]+(:[^\s:]+)*:\d{1,5}$/

/** All defaults and all faults at once. Never throws, whatever it is given. */
export function resolveOptions(given: unknown): { readonly options: ResolvedOptions; readonly faults: readonly Fault[] } {
  const found: Record<string, unknown> = typeof given === 'object' && given !== null ? { ...given } : {}
  const faults = [...unknownOptions('kafka()', found, known), ...faultsOfBrokers(found.brokers)]
  const duration = (name: string, fallback: number): number => durationOf(name, found[name], fallback, faults)
  const options = {
    brokers: Array.isArray(found.brokers) ? found.brokers.map(String) : [],
    ssl: found.ssl as KafkaConfig['ssl'],
    sasl: found.sasl as KafkaConfig['sasl'],
    commitIntervalMs: duration('commitInterval', 500),
    sessionTimeoutMs: duration('sessionTimeout', 30_000),
    requestTimeoutMs: duration('requestTimeout', 10_000),
  }

  return { options: Object.freeze(options), faults }
}

function faultsOfBrokers(found: unknown): Fault[] {
  const isList = Array.isArray(found) && found.length > 0 && found.every((broker) => typeof broker === 'string' && address.test(broker))
  if (isList) return []

  return [{ code: 'KAFKA_BROKERS', message: `kafka() needs "brokers", a list of "host:port". Found ${describe(found)}. Write kafka({ brokers: ['127.0.0.1:9092'] }).` }]
}

function durationOf(name: string, found: unknown, fallback: number, faults: Fault[]): number {
  if (found === undefined) return fallback
  const ms = parseDuration(found)
  if (ms !== undefined && ms > 0) return ms
  faults.push({ code: 'BAD_DURATION', message: `kafka() option "${name}" is a duration above zero such as "500ms" or "30s". Found ${describe(found)}.` })

  return fallback
}

function describe(found: unknown): string {
  return found === undefined ? 'nothing' : (JSON.stringify(found) ?? typeof found)
}
