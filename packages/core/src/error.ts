import type { Fault } from './fault.js'
import type { PublishOutcome } from './transport.js'

/** Every error of Waybill. `code` is stable; compare that, never the message. */
export class WaybillError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** What the code or the configuration says cannot work. Fix the code. Lists every fault that was found. */
export class ConfigError extends WaybillError {
  readonly #faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super(faults[0]?.code ?? 'CONFIG', describe(faults))
    this.#faults = faults
  }

  /** Every fault. The message says them too. */
  get faults(): readonly Fault[] {
    return this.#faults
  }
}

/** The payload does not fit the schema of its message. Fix the payload. */
export class InvalidMessage extends WaybillError {
  readonly issues: readonly { readonly path: string; readonly message: string }[]
  readonly #messageName: string

  constructor(messageName: string, issues: readonly { readonly path: string; readonly message: string }[], options?: { readonly cause?: unknown }) {
    super('INVALID_MESSAGE', `"${messageName}" does not fit its schema: ${described(issues)}.`, options)
    this.issues = issues
    this.#messageName = messageName
  }

  /** Where it does not fit, without a schema's own words: those may quote the payload. */
  get summary(): string {
    const paths = this.issues.slice(0, 5).map(({ path }) => path.slice(0, 100) || 'payload')

    return `"${this.#messageName}" does not fit its schema at ${paths.join(', ')}${this.issues.length > 5 ? ` and ${this.issues.length - 5} more places` : ''}.`
  }
}

/** A few issues, shortened: a body of 1 MiB can have as many thousands, with names of its own choice. */
function described(issues: InvalidMessage['issues']): string {
  const shown = issues.slice(0, 5).map(({ path, message }) => `${path.slice(0, 100) || 'payload'}: ${message.slice(0, 200)}`)

  return issues.length > shown.length ? `${shown.join('; ')}; and ${issues.length - shown.length} more` : shown.join('; ')
}

/** Some messages did not reach the broker, or nobody knows whether they did. The others were sent. */
export class PublishError extends WaybillError {
  readonly #failures: readonly PublishFailure[]

  constructor(failures: readonly PublishFailure[], total: number) {
    const [first] = failures
    const code = first ? first.outcome.kind.toUpperCase() : 'PUBLISH'
    super(
      code,
      `${total === 1 ? '' : `${failures.length} of ${total} messages were not confirmed. First: `}"${first?.messageName}" (${first?.id}) is ${first ? reasonOf(first.outcome) : 'not confirmed'}`,
    )
    this.#failures = failures
  }

  /** Each message that was not confirmed, with its place, id and outcome; the others are sent. */
  get failures(): readonly PublishFailure[] {
    return this.#failures
  }
}

export interface PublishFailure {
  readonly index: number
  readonly id: string
  readonly messageName: string
  readonly outcome: Exclude<PublishOutcome, { kind: 'confirmed' }>
}

/** The broker refuses for good: a wrong password, a missing right, a queue of another shape. Fix the configuration or the broker. */
export class BrokerRefused extends WaybillError {}

/** Nobody answered a query in time. */
export class AskTimeout extends WaybillError {}

/** The listener that answers the query failed. `code` is the error's own, else its name (`Error`); the message holds the text of the listener's error. */
export class RemoteError extends WaybillError {}

/** Why nobody takes a message, and what to do. */
export function withoutListener(reason: string): string {
  return `${reason.replace(/\.$/, '')}. Start the app whose service listens to it, or add such a service to this app, and send it then.`
}

function reasonOf(outcome: PublishFailure['outcome']): string {
  if (outcome.kind === 'unroutable') return `unroutable: ${withoutListener(outcome.reason)}`
  if (outcome.kind === 'rejected') return `rejected: ${outcome.reason}`

  return `of unknown outcome: ${outcome.reason}`
}

function describe(faults: readonly Fault[]): string {
  if (faults.length === 1) return faults[0]?.message ?? ''

  return `${faults.length} things are wrong:\n${faults.map((f, i) => `  ${i + 1}. ${f.message} [${f.code}]`).join('\n')}`
}
