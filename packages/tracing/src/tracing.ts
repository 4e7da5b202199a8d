import { trace } from '@opentelemetry/api'
import { type Middleware, type Plugin, type PluginHost, type TraceContext, type TracedMessage, Observing } from '@waybill/core'
import { BaggageGate } from './carrier.js'
import { doubledInstrumentations } from './doubled.js'
import type { Ground } from './ground.js'
import { Leaving } from './leaving.js'
import { resolveOptions, type TracingOptions } from './options.js'
import { settlingSpans } from './settling.js'
import { Working } from './working.js'

/**
 * Spans for everything that happens to a message, joined by W3C headers: its creation, its sending, each work on it, its retries and its death.
 * A listener's own spans hang below the work. What the tracer throws changes nothing for messages; what is wrong with the options fails `start`.
 */
export function tracing(options: TracingOptions = {}): Plugin {
  return new OpenTelemetryTracing(options)
}

class OpenTelemetryTracing implements Plugin {
  readonly name = 'tracing'
  readonly middleware: Middleware = { listen: (call, next) => this.#working?.around(call, next) ?? next() }
  readonly #given: TracingOptions
  #observing: Observing | undefined
  #leaving: Leaving | undefined
  #working: Working | undefined

  constructor(options: TracingOptions) {
    this.#given = options
  }

  readonly trace = (message: TracedMessage): TraceContext | undefined => this.#leaving?.create(message)

  open(host: PluginHost): void {
    const options = resolveOptions(this.#given)
    for (const name of doubledInstrumentations())
      host.log.warn(`"${name}" is loaded beside @waybill/tracing, so each message has its spans twice. Leave it out of your instrumentations.`)
    const systems = new Map(host.transports.map(({ name, system }) => [name, system]))
    const observing = new Observing(host)
    this.#observing = observing
    observing.safely(() => {
      const ground: Ground = {
        options,
        observing,
        tracer: (options.provider ?? trace).getTracer('@waybill/tracing'),
        baggage: new BaggageGate(options.baggage),
        systemOf: (transport) => systems.get(transport) ?? transport,
      }
      this.#leaving = new Leaving(ground)
      this.#working = new Working(ground)
      settlingSpans(ground)
    })
  }

  stop(): void {
    this.#observing?.stop()
    this.#leaving?.stop()
    this.#working?.stop()
  }
}
