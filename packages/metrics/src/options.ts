import { ConfigError, type Duration, type Fault, parseDuration, unknownOptions } from '@waybill/core'
import { assertObject, describe } from './given.js'
import { type OpenMetricsContentType, type PrometheusContentType, Registry } from 'prom-client'

export type MetricsRegistry = Registry<PrometheusContentType> | Registry<OpenMetricsContentType>

export interface MetricsOptions {
  /** Where the metrics are kept: that of your own. Default: a new one. On one of OpenMetrics, durations carry the trace id as an exemplar. */
  readonly registry?: MetricsRegistry
  /** Node's own metrics of the process too: memory, garbage collection, handles. Default: false. */
  readonly defaults?: boolean
  /** Answers `/metrics`, `/health`, `/health/live` and `/health/ready` over HTTP. Default: not; `true` is port 9464 of this machine alone. */
  readonly serve?: boolean | ServeOptions
  /** How often the brokers are asked for the depth of the queues. Default: 15s; false: never. */
  readonly depthEvery?: Duration | false
  /** Beyond which `/health/ready` and `/health` say no, and why: messages that wait for a group, the age of what waits in the outbox. Default: never for these. */
  readonly ready?: { readonly depth?: number; readonly outboxAge?: Duration }
  /** Upper ends, in seconds. Each costs one series for each listener. */
  readonly buckets?: { readonly process?: readonly number[]; readonly critical?: readonly number[] }
}

export interface ServeOptions {
  /** Default: 9464. 0 is any that is free. */
  readonly port?: number
  /** Default: 127.0.0.1. `0.0.0.0` is for all who can reach the machine: health and metrics name queues and listeners. */
  readonly host?: string
}

export interface ResolvedOptions {
  readonly registry: MetricsRegistry
  readonly defaults: boolean
  readonly serve: Required<ServeOptions> | undefined
  readonly depthEveryMs: number | undefined
  readonly ready: { readonly depth: number | undefined; readonly outboxAgeMs: number | undefined }
  readonly buckets: { readonly process: readonly number[]; readonly critical: readonly number[] }
}

/** Every default, and every fault in one error. */
export function resolveOptions(options: MetricsOptions): ResolvedOptions {
  assertObject('metrics', 'METRICS_OPTION', options)
  const { registry = new Registry(), defaults = false, serve = false, depthEvery = '15s', buckets = {}, ready = {} } = options
  const served = typeof serve === 'object' && serve !== null ? serve : {}
  const depthEveryMs = depthEvery === false ? undefined : parseDuration(depthEvery)
  const resolved: ResolvedOptions = {
    registry,
    defaults,
    serve: serve === false ? undefined : { port: served.port ?? 9464, host: served.host ?? '127.0.0.1' },
    depthEveryMs,
    ready: { depth: ready?.depth, outboxAgeMs: parseDuration(ready?.outboxAge) },
    buckets: { process: buckets?.process ?? [0.002, 0.01, 0.05, 0.2, 1, 5, 30], critical: buckets?.critical ?? [0.01, 0.05, 0.2, 1, 5, 30, 300, 3_600] },
  }
  const faults = faultsOf(options, resolved)
  if (faults.length > 0) throw new ConfigError(faults)

  return Object.freeze(resolved)
}

function faultsOf(given: MetricsOptions, { registry, serve, depthEveryMs, buckets }: ResolvedOptions): readonly Fault[] {
  const faults: Fault[] = [...unknownOptions('metrics', given, knownOptions)]
  const fault = (message: string): void => void faults.push({ code: 'METRICS_OPTION', message })
  if (typeof registry?.registerMetric !== 'function') fault('"registry" of metrics is to be a Registry of prom-client 15. Leave it out for a new one.')
  faults.push(...faultsOfServe(given.serve))
  if (given.defaults !== undefined && typeof given.defaults !== 'boolean') fault(`"defaults" of metrics is to be true or false; found ${describe(given.defaults)}.`)
  if (serve && !(Number.isInteger(serve.port) && serve.port >= 0 && serve.port <= 65_535))
    fault(`"serve.port" of metrics is to be a whole number from 0 to 65535; found ${String(serve.port)}.`)
  if (given.depthEvery !== undefined && given.depthEvery !== false && !(depthEveryMs !== undefined && depthEveryMs >= 1_000))
    fault(`"depthEvery" of metrics is to be a duration of 1s or more, or false; found ${String(given.depthEvery)}.`)
  if (given.ready !== undefined) faults.push(...faultsOfReady(given.ready))
  if (given.buckets !== undefined) faults.push(...faultsOfBuckets(given.buckets))
  for (const [name, ends] of Object.entries(buckets)) {
    if (!Array.isArray(ends)) fault(`"buckets.${name}" of metrics is to be a list of numbers of seconds; found ${describe(ends)}.`)
    else if (!ends.every((end, index) => Number.isFinite(end) && end > (ends[index - 1] ?? 0)))
      fault(`"buckets.${name}" of metrics is to be rising numbers of seconds above 0; found ${ends.join(', ')}.`)
  }

  return faults
}

function faultsOfReady(given: unknown): readonly Fault[] {
  const fault = (message: string): Fault => ({ code: 'METRICS_OPTION', message })
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return [fault(`"ready" of metrics is to be an object such as { depth: 100_000, outboxAge: '5m' }; found ${describe(given)}.`)]
  const { depth, outboxAge } = given as { depth?: unknown; outboxAge?: unknown }
  const badDepth = depth !== undefined && !(Number.isFinite(depth) && Number(depth) >= 0)
  const badAge = outboxAge !== undefined && parseDuration(outboxAge) === undefined

  return [
    ...unknownOptions('metrics, "ready",', given, ['depth', 'outboxAge']),
    ...(badDepth ? [fault(`"ready.depth" of metrics is to be a number of 0 or more; found ${describe(depth)}.`)] : []),
    ...(badAge ? [fault(`"ready.outboxAge" of metrics is to be a duration such as 5m; found ${describe(outboxAge)}.`)] : []),
  ]
}

function faultsOfBuckets(given: unknown): readonly Fault[] {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return unknownOptions('metrics, "buckets",', given, ['process', 'critical'])

  return [{ code: 'METRICS_OPTION', message: `"buckets" of metrics is to be an object such as { process: [0.01, 0.1, 1] }; found ${describe(given)}.` }]
}

function faultsOfServe(serve: unknown): readonly Fault[] {
  if (serve === undefined || typeof serve === 'boolean') return []
  if (typeof serve !== 'object' || serve === null || Array.isArray(serve))
    return [{ code: 'METRICS_OPTION', message: `"serve" of metrics is to be true, false or an object such as { port: 9464 }; found ${describe(serve)}.` }]
  const { host } = serve as { host?: unknown }
  const badHost = host !== undefined && (typeof host !== 'string' || host === '')

  return [
    ...unknownOptions('metrics, "serve",', serve, ['port', 'host']),
    ...(badHost ? [{ code: 'METRICS_OPTION', message: `"serve.host" of metrics is to be an address such as "127.0.0.1"; found ${describe(host)}.` }] : []),
  ]
}

const knownOptions = Object.keys({ registry: true, defaults: true, serve: true, depthEvery: true, ready: true, buckets: true } satisfies Record<keyof MetricsOptions, true>)
