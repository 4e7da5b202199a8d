import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ReadableStream } from 'node:stream/web'
import { ConfigError, type Fault, type Plugin, type PluginHost, Observing } from '@waybill/core'
import { Registry } from 'prom-client'
import { Asking } from './asking.js'
import { backlogMetrics } from './backlog.js'
import { connectionMetrics } from './connections.js'
import { deadMetrics } from './dead.js'
import { Endpoint } from './endpoint.js'
import { Glance } from './glance.js'
import { listenedMetrics } from './listened.js'
import { Meters } from './meters.js'
import { metric } from './names.js'
import { type MetricsOptions, type MetricsRegistry, resolveOptions, type ResolvedOptions } from './options.js'
import { outboxMetrics } from './outbox.js'
import { sagaMetrics } from './sagas.js'
import { Pages } from './pages.js'
import { processMetrics } from './process.js'
import { publishedMetrics } from './published.js'
import { Readiness } from './readiness.js'
import type { Subject } from './subject.js'

export interface Metrics extends Plugin {
  /** Where they are kept; the user's own if it was given. */
  readonly registry: MetricsRegistry
  /** Where they are served, by the option `serve`; undefined before the start, and without it. */
  readonly address: URL | undefined
  /** Answers on a server of Node's own making: Express, Fastify by `reply.raw`, `node:http`. What it does not know goes to `next`, or is 404. */
  handle(request: IncomingMessage, response: ServerResponse, next?: () => void): void
  /** The same for servers that speak Fetch, such as Hono. Resolves always. */
  fetch(request: Request): Promise<Response>
}

/**
 * Counts what an app sends, takes and fails, for Prometheus, and answers probes. Whatever goes wrong in here changes nothing for messages.
 * Never throws; what is wrong with the options fails `start`.
 */
export function metrics(options: MetricsOptions = {}): Metrics {
  return new PrometheusMetrics(options)
}

class PrometheusMetrics implements Metrics {
  readonly name = 'metrics'
  readonly registry: MetricsRegistry
  readonly #pages: Pages
  readonly #options: ResolvedOptions | ConfigError
  readonly #ends: (() => void)[] = []
  #endpoint: Endpoint | undefined

  constructor(options: MetricsOptions) {
    this.#options = resolved(options)
    this.registry = this.#options instanceof ConfigError ? new Registry() : this.#options.registry
    this.#pages = new Pages(this.registry)
  }

  get faults(): readonly Fault[] {
    return this.#options instanceof ConfigError ? this.#options.faults : []
  }

  get address(): URL | undefined {
    return this.#endpoint?.address
  }

  async open(host: PluginHost): Promise<void> {
    const options = this.#options
    if (options instanceof ConfigError) throw options
    if (isTaken(options.registry))
      throw new ConfigError([
        { code: 'REGISTRY_TAKEN', message: `The registry that metrics of "${host.app}" were given has those of another app already. Give each app a registry of its own.` },
      ])

    const observing = new Observing(host)
    const asking = new Asking(host, options.depthEveryMs)
    this.#pages.show(host, new Readiness(asking, observing, options.ready))
    this.#ends.push(...register({ host, options, observing, asking }))
    if (options.serve) this.#endpoint = await Endpoint.open(options.serve, (request, response) => this.handle(request, response))
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) end()
    await this.#endpoint?.close()
  }

  handle(request: IncomingMessage, response: ServerResponse, next?: () => void): void {
    void this.#pages
      .answer(request.url ?? '/')
      .then(async (page) => {
        if (!page && next) return next()
        const { status, type, body } = page ?? Pages.unknown

        response.writeHead(status, { 'content-type': type })
        await pipeline(Readable.from(body), response)
      })
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  }

  async fetch(request: Request): Promise<Response> {
    const { status, type, body } = (await this.#pages.answer(request.url)) ?? Pages.unknown

    return new Response(ReadableStream.from(encoded(body)), { status, headers: { 'content-type': type } })
  }
}

/** One by one: together they would be megabytes in a turn. */
function* encoded(pieces: readonly string[]): Generator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece)
}

function resolved(options: MetricsOptions): ResolvedOptions | ConfigError {
  try {
    return resolveOptions(options)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

function isTaken(registry: MetricsRegistry): boolean {
  try {
    return registry.getSingleMetric(metric.consumed) !== undefined
  } catch {
    // A registry that cannot even be asked costs the metrics, not the messages.
    return false
  }
}

/** Registers every subject. A registry that throws leaves the app without that subject, and with its messages. */
function register({ host, options, observing, asking }: Pick<Subject, 'host' | 'options' | 'observing' | 'asking'>): (() => void)[] {
  const systems = new Map(host.transports.map(({ name, system }) => [name, system]))
  const subject: Subject = {
    host,
    asking,
    glance: new Glance(host),
    options,
    observing,
    meters: new Meters(options.registry, () => host.runtime.now()),
    systemOf: (transport) => systems.get(transport) ?? transport,
    listeners: host.plan.listeners.map(({ channel, group, label }) => ({ transport: host.transportOf(channel), channel, group, listener: label })),
  }
  const ends = [() => observing.stop()]
  for (const add of [publishedMetrics, listenedMetrics, deadMetrics, connectionMetrics, outboxMetrics, sagaMetrics]) observing.safely(() => add(subject))
  for (const add of [backlogMetrics, processMetrics]) observing.safely(() => ends.push(add(subject)))

  return ends
}
