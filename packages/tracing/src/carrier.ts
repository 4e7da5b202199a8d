import { type Context, createTraceState, propagation, ROOT_CONTEXT, type SpanContext, trace } from '@opentelemetry/api'
import type { TraceContext } from '@waybill/core'

/** What stands in the headers of a message; whatever it is, it came from outside. */
export type Carried = { readonly traceparent?: unknown; readonly tracestate?: unknown; readonly baggage?: unknown }

/** The span that a message says it was made in; undefined where it says none, or none that is one. */
export function spanContextOf({ traceparent, tracestate }: Carried): SpanContext | undefined {
  const found = typeof traceparent === 'string' && traceparent.length === 55 ? /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent) : null
  const [, version, traceId = '', spanId = '', flags = '00'] = found ?? []
  // W3C: this version is none, and all-zero ids name nothing.
  if (!found || version === 'ff' || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  const state = typeof tracestate === 'string' && tracestate.length > 0 && tracestate.length <= 512 ? { traceState: createTraceState(tracestate) } : {}

  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true, ...state }
}

export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & 1).toString(16).padStart(2, '0')}`
}

/** Which entries of the baggage may pass, both ways. */
export class BaggageGate {
  readonly #allowed: ReadonlySet<string>

  constructor(allowed: readonly string[]) {
    this.#allowed = new Set(allowed)
  }

  get isShut(): boolean {
    return this.#allowed.size === 0
  }

  /** What the message brings along and may. */
  open(carried: Carried, context: Context): Context {
    if (this.isShut || typeof carried.baggage !== 'string' || carried.baggage.length > 8_192) return context
    const entries = entriesOf(carried.baggage).filter(([name]) => this.#allowed.has(name))

    return entries.length === 0 ? context : propagation.setBaggage(context, propagation.createBaggage(Object.fromEntries(entries.map(([name, value]) => [name, { value }]))))
  }

  /** What the work that runs now gives to the message. */
  header(context: Context): string | undefined {
    const baggage = this.isShut ? undefined : propagation.getBaggage(context)
    const entries = baggage?.getAllEntries().filter(([name]) => this.#allowed.has(name)) ?? []

    return entries.length === 0 ? undefined : entries.map(([name, { value }]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join(',')
  }
}

/** The context of a message: its span as the parent of what follows. */
export function contextOf(carried: Carried, base: Context = ROOT_CONTEXT): Context {
  const parent = spanContextOf(carried)

  return parent ? trace.setSpanContext(base, parent) : base
}

export function headersOf(span: SpanContext, baggage: string | undefined): TraceContext {
  return { traceparent: traceparentOf(span), tracestate: span.traceState?.serialize() || undefined, baggage }
}

function entriesOf(text: string): (readonly [string, string])[] {
  return text.split(',').flatMap((part) => {
    const [name, value] = (part.split(';')[0] ?? '').split('=')
    if (!name || value === undefined) return []
    try {
      return [[decodeURIComponent(name.trim()), decodeURIComponent(value.trim())] as const]
    } catch {
      // A stranger may send anything; what cannot be decoded is no entry.
      return []
    }
  })
}
