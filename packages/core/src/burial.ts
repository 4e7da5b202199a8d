import { InvalidMessage } from './error.js'
import { deadLetterOf, type Letter, textUpTo, type Death } from './dead-letter.js'
import { diagnostics, type DeadLetterEvent } from './diagnostics.js'
import type { DeathNotices } from './death-notices.js'
import type { Limits } from './limits.js'
import type { Link } from './link.js'
import { originOf } from './log-context.js'
import type { LogFields, Logger } from './logger.js'
import { backOff } from './retry.js'
import type { Runtime } from './runtime.js'
import type { RawDelivery } from './transport.js'

export interface BurialOptions {
  readonly app: string
  readonly channel: string
  readonly group: string
  readonly link: Link
  readonly limits: Limits
  readonly notices: DeathNotices
  readonly runtime: Runtime
  readonly log: Logger
}

/** Why it is dead, and what of its payload may be logged. */
type Buried = Pick<Death, 'code' | 'message' | 'error' | 'listener' | 'attempts'> & { readonly logged?: LogFields }

/** Why it is dead, for the log: what a schema says may quote the payload, which no line does. */
function reasonOf({ code, error, message }: Pick<Death, 'code' | 'error' | 'message'>): string {
  if (code === 'SCHEMA' || code === 'UPCAST') return 'it does not fit its schema; the dead letter says where'

  return error instanceof InvalidMessage ? 'what its listener made of it does not fit a schema; the dead letter says which and where' : message
}

/** Brings messages to the dead letters of a group, and does not give up: until the broker has one, its original stays unsettled. */
export class Burial {
  readonly #options: BurialOptions
  readonly #waiting = new Set<() => void>()
  #isOver = false

  constructor(options: BurialOptions) {
    this.#options = options
  }

  bury(raw: RawDelivery, id: string, { logged, ...death }: Buried, buried: (letter: Letter) => void): void {
    const { app, channel, group, limits, link, log, runtime } = this.#options
    const letter = deadLetterOf(raw, id, { ...death, channel, group, time: new Date(runtime.now()).toISOString(), firstDeath: runtime.id() }, limits)
    const send = (attempt: number): void => {
      link.sender.send(letter, (outcome) => {
        if (outcome.kind !== 'confirmed') return this.#later(attempt, `The dead letter ${id} of group "${group}" was not taken: ${outcome.reason}`, () => send(attempt + 1))

        log.warn(`${death.listener ?? `Group "${group}"`} gave up on a message; it is in the dead letters: ${reasonOf(death)}`, {
          code: death.code,
          messageName: textUpTo(raw.envelope.type, 255),
          id,
          key: textUpTo(raw.envelope.subject, 255),
          channel,
          group,
          attempts: death.attempts,
          ...originOf(raw.envelope, id),
          ...logged,
        })
        if (diagnostics.deadLetter.hasSubscribers)
          diagnostics.deadLetter.publish({
            app,
            transport: link.name,
            channel,
            group,
            listener: death.listener,
            id,
            envelope: raw.envelope,
            reason: death.code,
          } satisfies DeadLetterEvent)
        this.#options.notices.buried({ channel, group }, id)
        buried(letter)
      })
    }
    send(0)
  }

  /** Gives up: originals stay with the broker. */
  stop(): void {
    this.#isOver = true
    for (const cancel of this.#waiting) cancel()
    this.#waiting.clear()
  }

  #later(attempt: number, problem: string, work: () => void): void {
    if (this.#isOver) return

    const { log, runtime } = this.#options
    const afterMs = backOff(attempt, runtime)
    log.error(`${problem} Its original stays where it is; next try in ${afterMs} ms.`)
    const cancel = runtime.after(afterMs, () => {
      this.#waiting.delete(cancel)
      work()
    })
    this.#waiting.add(cancel)
  }
}
