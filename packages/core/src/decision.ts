import { parseDuration, type Duration } from './duration.js'
import { WaybillError } from './error.js'
import { faultOfDuration } from './option.js'

/** Thrown by a listener: try this delivery again after that time, whatever its policy says about waits. */
export class Retry extends Error {
  readonly after: Duration

  constructor(options: { readonly after: Duration; readonly cause?: unknown }) {
    assertDuration(options.after, 'new Retry')
    super(`Retry after ${options.after}.`, { cause: options.cause })
    this.name = 'Retry'
    this.after = options.after
  }
}

/** Thrown by a listener: no try can mend it, keep it as a dead letter now. */
export class DeadLetter extends Error {
  override readonly name = 'DeadLetter'
}

/** Thrown by a listener: undo what it did and forget the message. */
export class Ignore extends Error {
  override readonly name = 'Ignore'
}

/** A time that is none would mean at once, again and again. */
export function assertDuration(after: unknown, where: string): void {
  if (parseDuration(after) === undefined) throw new WaybillError('DURATION', `${where}: ${faultOfDuration('after', after)}`)
}
