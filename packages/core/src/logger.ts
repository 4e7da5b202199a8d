import { isThenable } from './thenable.js'

/** Where log lines go. Never given payloads or secrets. A logger that throws changes nothing for messages. */
export interface Logger {
  debug(text: string, fields?: LogFields): void
  info(text: string, fields?: LogFields): void
  warn(text: string, fields?: LogFields): void
  error(text: string, fields?: LogFields): void
}

/** Beside the text. The name of a message is `messageName`, as in metrics and events. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

type Level = keyof Logger

const levels: readonly Level[] = ['debug', 'info', 'warn', 'error']

/** Short lines that a person reads in a terminal, one JSON object a line anywhere else. Nothing below `info` unless WAYBILL_LOG=debug. */
export function consoleLogger(app: string, now: () => number, output: { write(line: string): unknown; isTTY?: boolean } = process.stderr): Logger {
  const least = levels.indexOf(levels.find((level) => level === process.env['WAYBILL_LOG']) ?? 'info')
  const format = output.isTTY ? readable : structured
  const writer = (level: Level) => (text: string, fields?: LogFields) => {
    if (levels.indexOf(level) >= least) output.write(format({ level, app, time: new Date(now()), text, fields: fields ?? {} }))
  }

  return { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') }
}

/** The same logger, but what it throws or rejects is swallowed: a log line is never a reason to lose a message. */
export function safeLogger(logger: Logger): Logger {
  const guard = (level: Level) => (text: string, fields?: LogFields) => {
    try {
      // An asynchronous function is a logger too, for the compiler.
      const written: unknown = fields ? logger[level](text, fields) : logger[level](text)
      if (isThenable(written)) written.then(undefined, () => undefined)
    } catch {
      // There is nowhere left to report it.
    }
  }

  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}

export const silentLogger: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

interface Line {
  readonly level: Level
  readonly app: string
  readonly time: Date
  readonly text: string
  readonly fields: LogFields
}

function readable({ level, time, text, fields }: Line): string {
  const mark = { debug: '·', info: ' ', warn: '!', error: '✖' }[level]
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${String(value)}`)
    .join('')

  return `${time.toISOString().slice(11, 23)} ${mark} ${printable(`${text}${rest}`)}\n`
}

/** A name or a reason comes from a message, thus from anybody: what steers a terminal, or turns the direction of a text, is shown instead of obeyed. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (found) => `\\u${(found.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
}

function structured({ level, app, time, text, fields }: Line): string {
  const line = { time: time.toISOString(), level, app, message: text }

  // First for the reader, and last so that no field takes the place of one of them.
  return `${JSON.stringify({ ...line, ...fields, ...line })}\n`
}
