import type { Duration, Fault } from '@waybill/core'
import { parseDuration, unknownOptions } from '@waybill/core'
import type { KafkaDriver } from './driver.js'
import type { KafkaLogin, KafkaTls } from './security.js'
import { faultsOfLogin, faultsOfTls } from './security.js'

export interface KafkaOptions {
  /** Where the cluster is first looked for: `['127.0.0.1:9092']`. */
  readonly brokers: readonly string[]
  /** The library that speaks to the brokers: `platformatic()`. Default: kafkajs. */
  readonly driver?: KafkaDriver
  /** TLS: `true`, or what `tls.connect` takes: `ca`, and for mutual TLS `cert` and `key`. Default: off. */
  readonly ssl?: KafkaTls
  /** Who this app is: by name and password, or by tokens. Never printed. Default: nobody. */
  readonly sasl?: KafkaLogin
  /**
   * `create`: topics that are missing are made, those that are there are compared. `check`: they are compared, and one that is missing is an error.
   * `none`: nothing is asked and nothing is made. Default: `create`.
   */
  readonly declare?: Declare
  /** How long to wait for topics that somebody else makes; a topic that this app makes is waited for as long, and for 10 s at least. Default: not at all. */
  readonly awaitTopics?: Duration
  /**
   * How records are packed and unpacked in other ways than gzip, which is built in: by functions over the bytes as Kafka has them, that is for
   * `snappy` the framing of snappy-java and for `lz4` its frame format. Default: none.
   */
  readonly codecs?: KafkaCodecs
  /** Of what is published: smaller requests and topics for some time of the processor. Others than `gzip` need their codec. Default: `none`. */
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
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** What they throw is an error of the message that is published, or of the consumer that reads. */
export interface KafkaCodec {
  /** Needed to publish with it. */
  readonly compress?: (records: Buffer) => Uint8Array | Promise<Uint8Array>
  readonly decompress: (records: Buffer) => Uint8Array | Promise<Uint8Array>
}
export type KafkaCodecs = Readonly<Partial<Record<Exclude<Compression, 'none'>, KafkaCodec>>>

export interface ResolvedOptions {
  readonly brokers: readonly string[]
  readonly ssl: KafkaTls | undefined
  readonly sasl: KafkaLogin | undefined
  readonly declare: Declare
  readonly awaitTopicsMs: number
  readonly compression: Compression
  readonly codecs: KafkaCodecs
  readonly commitIntervalMs: number
  readonly sessionTimeoutMs: number
  readonly stallTimeoutMs: number
  readonly requestTimeoutMs: number
}

const known = ['brokers', 'driver', 'ssl', 'sasl', 'declare', 'awaitTopics', 'codecs', 'compression', 'commitInterval', 'sessionTimeout', 'stallTimeout', 'requestTimeout'] as const
const example = "kafka({ brokers: ['127.0.0.1:9092'] })"
const packings = ['gzip', 'snappy', 'lz4', 'zstd'] as const
/** A timer of the platform that is somewhat longer ends at once. */
const longestMs = 24 * 86_400_000
const mostPorts = 65_535
const address = /^[^\s:@/]+(:[^\s:@/]+)*:\d{1,5}$/

/** All defaults and all faults at once. Never throws, whatever it is given. */
export function resolveOptions(given: unknown): { readonly options: ResolvedOptions; readonly faults: readonly Fault[] } {
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
  const found: Record<string, unknown> = isObject ? { ...given } : {}
  const faults = [
    ...unknownOptions('kafka()', given === undefined ? {} : given, known, example),
    // What is no object is one fault, and lacks nothing.
    ...(given === undefined || isObject ? faultsOfBrokers(found.brokers) : []),
    ...faultsOfDriver(found.driver),
    ...faultsOfCodecs(found),
    ...faultsOfTls(found.ssl),
    ...faultsOfLogin(found.sasl),
  ]
  const duration = (name: string, fallback: number): number => durationOf(name, found[name], fallback, faults)
  const options = {
    brokers: Array.isArray(found.brokers) ? found.brokers.map(String) : [],
    ssl: found.ssl as KafkaTls | undefined,
    sasl: found.sasl as KafkaLogin | undefined,
    declare: choiceOf('declare', found.declare, ['create', 'check', 'none'], faults),
    awaitTopicsMs: duration('awaitTopics', 0),
    compression: choiceOf('compression', found.compression, ['none', 'gzip', 'snappy', 'lz4', 'zstd'], faults),
    codecs: (found.codecs ?? {}) as KafkaCodecs,
    commitIntervalMs: duration('commitInterval', 500),
    sessionTimeoutMs: duration('sessionTimeout', 30_000),
    stallTimeoutMs: duration('stallTimeout', 30_000),
    requestTimeoutMs: duration('requestTimeout', 10_000),
  }

  return { options: Object.freeze(options), faults }
}

function faultsOfBrokers(found: unknown): Fault[] {
  if (Array.isArray(found) && found.length > 0 && found.every(isAddress)) return []

  return [{ code: 'KAFKA_BROKERS', message: `kafka() needs "brokers", a list of "host:port". Found ${describe(found)}. Write ${example}.` }]
}

function isAddress(found: unknown): boolean {
  if (typeof found !== 'string' || !address.test(found)) return false
  const port = Number(found.slice(found.lastIndexOf(':') + 1))

  return port > 0 && port <= mostPorts
}

/** The driver that was given; undefined where none was, or something else. */
export function driverIn(given: unknown): KafkaDriver | undefined {
  const found = typeof given === 'object' && given !== null && 'driver' in given ? given.driver : undefined

  return isDriver(found) ? found : undefined
}

function faultsOfDriver(found: unknown): Fault[] {
  if (found === undefined || isDriver(found)) return []

  return [{ code: 'KAFKA_OPTION', message: `kafka() option "driver" is what platformatic() of this package gives. Found ${describe(found)}.` }]
}

/** Each codec unpacks, and the one that is published with packs. */
function faultsOfCodecs({ codecs, compression }: Readonly<Record<string, unknown>>): Fault[] {
  const fault = (message: string): Fault => ({ code: 'KAFKA_OPTION', message: `kafka() option ${message}` })
  if (codecs !== undefined && (typeof codecs !== 'object' || codecs === null))
    return [fault(`"codecs" is an object such as { lz4: { compress, decompress } }. Found ${describe(codecs)}.`)]
  const given = new Map<string, Partial<KafkaCodec> | undefined>(Object.entries(codecs ?? {}))
  const faults = [...unknownOptions('kafka() option "codecs"', { ...codecs }, packings)]
  for (const [name, codec] of given) if (typeof codec?.decompress !== 'function') faults.push(fault(`"codecs" needs "decompress", a function, for "${name}".`))
  const isMissing = compression !== 'gzip' && packings.some((one) => one === compression) && typeof given.get(String(compression))?.compress !== 'function'

  return isMissing ? [...faults, fault(`"compression" is "${String(compression)}", which needs "codecs" with "compress" for it.`)] : faults
}

function isDriver(found: unknown): found is KafkaDriver {
  return typeof found === 'object' && found !== null && 'open' in found && typeof found.open === 'function'
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
  if (ms !== undefined && ms > 0 && ms <= longestMs) return ms
  faults.push({ code: 'BAD_DURATION', message: `kafka() option "${name}" is a duration above zero and up to 24 days, such as "500ms" or "30s". Found ${describe(found)}.` })

  return fallback
}

function describe(found: unknown): string {
  const text = found === undefined ? 'nothing' : (JSON.stringify(found) ?? typeof found)

  // A password may stand in what looks like the address of a user.
  return text.replaceAll(/[^\s"/]*@/g, '…@')
}
