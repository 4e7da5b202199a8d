import type { Duration, Fault } from '@waybill/core'
import { parseDuration, unknownOptions } from '@waybill/core'
import type { KafkaLogin, KafkaTls } from './security.js'
import { faultsOfLogin, faultsOfTls } from './security.js'

export interface KafkaOptions {
  /** Where the cluster is first looked for: `['127.0.0.1:9092']`. */
  readonly brokers: readonly string[]
  /** TLS: `true`, or what `tls.connect` takes: `ca`, and for mutual TLS `cert` and `key`. Default: off. */
  readonly ssl?: KafkaTls
  /** Who this app is: by name and password, or by tokens. Never printed. Default: nobody. */
  readonly sasl?: KafkaLogin
  /**
   * `create`: topics that are missing are made, those that are there are compared. `check`: they are compared, and one that is missing is an error.
   * `none`: nothing is asked and nothing is made. Default: `create`.
   */
  readonly declare?: Declare
  /** How long to wait for topics that somebody else makes. Default: not at all. */
  readonly awaitTopics?: Duration
  /** Of what is published: smaller requests and topics for some time of the processor. Default: `none`. */
  readonly compression?: Compression
  /** How often finished work is committed. A crash repeats at most so much. Default: 500 ms. */
  readonly commitInterval?: Duration
  /** How long a silent process keeps its partitions. Default: 30 s. */
  readonly sessionTimeout?: Duration
  /** A consumer that has records to fetch and fetches none for so long joins its group anew. Default: 30 s. */
  readonly stallTimeout?: Duration
  /** How long one request to a broker may take. Default: 10 s. */
  readonly requestTimeout?: Duration
}

export type Declare = 'create' | 'check' | 'none'
export type Compression = 'none' | 'gzip'

export interface ResolvedOptions {
  readonly brokers: readonly string[]
  readonly ssl: KafkaTls | undefined
  readonly sasl: KafkaLogin | undefined
  readonly declare: Declare
  readonly awaitTopicsMs: number
  readonly compression: Compression
  readonly commitIntervalMs: number
  readonly sessionTimeoutMs: number
  readonly stallTimeoutMs: number
  readonly requestTimeoutMs: number
}

const known = ['brokers', 'ssl', 'sasl', 'declare', 'awaitTopics', 'compression', 'commitInterval', 'sessionTimeout', 'stallTimeout', 'requestTimeout'] as const
const address = /^[^\s:@/]+(:[^\s:@/]+)*:\d{1,5}$/

/** All defaults and all faults at once. Never throws, whatever it is given. */
export function resolveOptions(given: unknown): { readonly options: ResolvedOptions; readonly faults: readonly Fault[] } {
  const found: Record<string, unknown> = typeof given === 'object' && given !== null ? { ...given } : {}
  const faults = [...unknownOptions('kafka()', found, known), ...faultsOfBrokers(found.brokers), ...faultsOfTls(found.ssl), ...faultsOfLogin(found.sasl)]
  const duration = (name: string, fallback: number): number => durationOf(name, found[name], fallback, faults)
  const options = {
    brokers: Array.isArray(found.brokers) ? found.brokers.map(String) : [],
    ssl: found.ssl as KafkaTls | undefined,
    sasl: found.sasl as KafkaLogin | undefined,
    declare: choiceOf('declare', found.declare, ['create', 'check', 'none'], faults),
    awaitTopicsMs: duration('awaitTopics', 0),
    compression: choiceOf('compression', found.compression, ['none', 'gzip'], faults),
    commitIntervalMs: duration('commitInterval', 500),
    sessionTimeoutMs: duration('sessionTimeout', 30_000),
    stallTimeoutMs: duration('stallTimeout', 30_000),
    requestTimeoutMs: duration('requestTimeout', 10_000),
  }

  return { options: Object.freeze(options), faults }
}

function faultsOfBrokers(found: unknown): Fault[] {
  const isList = Array.isArray(found) && found.length > 0 && found.every((broker) => typeof broker === 'string' && address.test(broker))
  if (isList) return []

  return [{ code: 'KAFKA_BROKERS', message: `kafka() needs "brokers", a list of "host:port". Found ${describe(found)}. Write kafka({ brokers: ['127.0.0.1:9092'] }).` }]
}

/** One of some words; the first is the default. */
function choiceOf<const T extends string>(name: string, found: unknown, choices: readonly [T, ...T[]], faults: Fault[]): T {
  const [otherwise] = choices
  if (found === undefined) return otherwise
  const choice = choices.find((one) => one === found)
  if (choice !== undefined) return choice
  faults.push({ code: 'KAFKA_OPTION', message: `kafka() option "${name}" is one of ${choices.map((one) => `"${one}"`).join(', ')}. Found ${describe(found)}.` })

  return otherwise
}

function durationOf(name: string, found: unknown, fallback: number, faults: Fault[]): number {
  if (found === undefined) return fallback
  const ms = parseDuration(found)
  if (ms !== undefined && ms > 0) return ms
  faults.push({ code: 'BAD_DURATION', message: `kafka() option "${name}" is a duration above zero such as "500ms" or "30s". Found ${describe(found)}.` })

  return fallback
}

function describe(found: unknown): string {
  const text = found === undefined ? 'nothing' : (JSON.stringify(found) ?? typeof found)

  // A password may stand in what looks like the address of a user.
  return text.replaceAll(/[^\s"/]*@/g, '…@')
}
