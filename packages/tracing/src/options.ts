import type { TracerProvider } from '@opentelemetry/api'
import { ConfigError, type Fault, unknownOptions } from '@waybill/core'

export interface TracingOptions {
  /** Where spans go. Default: what the program registered with `@opentelemetry/api`. */
  readonly provider?: TracerProvider
  /** How the work on a message hangs on its sending. `parent`: one tree. `link`: a trace of its own with a link, for messages that wait for days. Default: parent. */
  readonly consume?: 'parent' | 'link'
  /** A span of each acknowledgement too. Default: false. */
  readonly settle?: boolean
  /** Which entries of the baggage travel with messages. Default: none; baggage may hold what strangers should not see. */
  readonly baggage?: readonly string[]
}

export type ResolvedOptions = Required<Omit<TracingOptions, 'provider'>> & Pick<TracingOptions, 'provider'>

/** Every default, and every fault in one error. */
export function resolveOptions(given: TracingOptions): ResolvedOptions {
  const { consume = 'parent', settle = false, baggage = [], provider } = given
  const faults: Fault[] = unknownOptions('tracing', given, knownOptions)
  const fault = (message: string): void => void faults.push({ code: 'TRACING_OPTION', message })
  if (consume !== 'parent' && consume !== 'link') fault(`"consume" of tracing is to be "parent" or "link"; found ${String(consume)}.`)
  if (typeof settle !== 'boolean') fault(`"settle" of tracing is to be true or false; found ${String(settle)}.`)
  if (!Array.isArray(baggage) || baggage.some((name) => typeof name !== 'string' || name === '')) fault('"baggage" of tracing is to be a list of names.')
  if (provider !== undefined && typeof provider.getTracer !== 'function') fault('"provider" of tracing is to be a TracerProvider of @opentelemetry/api.')
  if (faults.length > 0) throw new ConfigError(faults)

  return Object.freeze({ consume, settle, baggage, ...(provider ? { provider } : {}) })
}

const knownOptions = Object.keys({ provider: true, consume: true, settle: true, baggage: true } satisfies Record<keyof TracingOptions, true>)
