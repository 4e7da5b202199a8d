import { textUpTo, traceparentOf } from './dead-letter.js'
import type { RawEnvelope } from './envelope.js'
import type { LogFields, Logger } from './logger.js'
import { scopes } from './scope.js'

/**
 * What the line of a log belongs to: the message that is being processed and the listener that does it, with those fields of its payload that its
 * definition names in `logged`. Empty outside of a listener.
 * For a logger of your own: `pino({ mixin: logContext })`.
 */
export function logContext(): LogFields {
  const scope = scopes.getStore()
  const cause = scope?.cause
  if (!scope || !cause) return {}

  return { listener: scope.owner, group: cause.group, id: cause.id, correlationId: cause.correlationId, traceId: cause.traceparent?.slice(3, 35), ...cause.logged }
}

/** The same of a message whose listener has ended, for a line about it. */
export function originOf({ correlationId, traceparent }: RawEnvelope, id: string): LogFields {
  return { correlationId: textUpTo(correlationId, 255) ?? id, traceId: traceparentOf(traceparent)?.slice(3, 35) }
}

/** The same logger, with what each line belongs to. */
export function contextLogger(logger: Logger): Logger {
  const writer = (level: keyof Logger) => (text: string, fields?: LogFields) => {
    const context = logContext()
    const isInside = 'id' in context

    return isInside || fields ? logger[level](text, isInside ? { ...context, ...fields } : fields) : logger[level](text)
  }

  return { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') }
}

/** The part of pino that is needed; other loggers have it too. */
export interface FieldsFirstLogger {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

/** Waybill's lines in your pino: `createApp({ log: pinoLogger(pino()) })`. */
export function pinoLogger(pino: FieldsFirstLogger): Logger {
  const writer = (level: keyof Logger) => (text: string, fields?: LogFields) => pino[level]({ ...fields }, text)

  return { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') }
}
