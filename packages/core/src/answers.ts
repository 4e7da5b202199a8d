import { numberOf } from './dead-letter.js'
import type { Job } from './job.js'
import type { Runtime } from './runtime.js'
import type { Outgoing } from './transport.js'
import { header } from './wire.js'

const mostAnswers = 1_000
const mostBytes = 16_777_216
/** A deadline is the asker's word: nothing is kept longer for it. */
const longestMs = 3_600_000

interface Answer {
  readonly replyTo: string
  readonly outgoing: Outgoing
  readonly until: number
}

/**
 * The replies that left, until nobody can wait for them any more: a query that comes twice is answered again with the same, and its listener does
 * not run again. Bounded by count and by bytes: the oldest go first.
 */
export class Answers {
  readonly #runtime: Runtime
  readonly #answers = new Map<string, Answer>()
  #bytes = 0

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** What was answered to this very asker; whoever names another's query gets nothing of its reply. */
  of({ id, raw: { replyTo } }: Job): Outgoing | undefined {
    const found = this.#answers.get(id)
    if (!found || found.replyTo !== replyTo) return undefined
    if (found.until > this.#runtime.now()) return found.outgoing
    this.#drop(id, found)

    return undefined
  }

  keep({ id, raw }: Job, outgoing: Outgoing): void {
    const deadline = numberOf(raw.headers[header.deadline])
    const now = this.#runtime.now()
    if (raw.replyTo === undefined || !(deadline > now) || outgoing.body.length > mostBytes) return

    const known = this.#answers.get(id)
    if (known) this.#drop(id, known)
    this.#answers.set(id, { replyTo: raw.replyTo, outgoing, until: Math.min(deadline, now + longestMs) })
    this.#bytes += outgoing.body.length
    this.#tidy(now)
  }

  /** The oldest stand in front, and most of them have the same time to live. */
  #tidy(now: number): void {
    for (const [id, answer] of this.#answers) {
      if (answer.until > now && this.#answers.size <= mostAnswers && this.#bytes <= mostBytes) return
      this.#drop(id, answer)
    }
  }

  #drop(id: string, { outgoing }: Answer): void {
    this.#answers.delete(id)
    this.#bytes -= outgoing.body.length
  }
}
