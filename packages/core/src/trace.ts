import type { Envelope } from './envelope.js'
import type { Logger } from './logger.js'

/** Where a message stands in a trace: W3C headers, as they go on the wire. */
export type TraceContext = Pick<Envelope, 'traceparent' | 'tracestate' | 'baggage'>

/** A message that is being made. */
export interface TracedMessage {
  readonly id: string
  readonly name: string
  readonly key: string | undefined
  readonly channel: string
  /** What the app calls the transport it goes out by. */
  readonly transport: string
  readonly correlationId: string | undefined
  /** What the message that caused it says; undefined where nothing caused it. */
  readonly cause: TraceContext | undefined
}

/** Called once for each message, when it is made and before it is held or sent. Undefined: it goes on in the trace of its cause. */
export type TraceSource = (message: TracedMessage) => TraceContext | undefined

/** The same, but what it throws is logged once, and the message goes on in the trace of its cause. */
export function safeTrace(source: TraceSource | undefined, log: Logger): TraceSource | undefined {
  if (!source) return undefined
  let isTold = false

  return (message) => {
    try {
      return source(message)
    } catch (error) {
      if (!isTold) log.warn(`The tracer threw, so messages go on in the trace of their cause: ${String(error)}`)
      isTold = true

      return undefined
    }
  }
}
