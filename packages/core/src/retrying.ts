import { numberOf } from './dead-letter.js'
import type { Job } from './job.js'
import type { Link } from './link.js'
import type { Logger } from './logger.js'
import { movedMessage } from './moved-message.js'
import type { Runtime } from './runtime.js'
import type { RawDelivery } from './transport.js'
import { header } from './wire.js'

/** Shorter waits stay in the process, where they cost the broker nothing. */
export const shortestDelayMs = 5_000

export interface RetryingOptions {
  readonly channel: string
  readonly group: string
  readonly link: Link
  readonly runtime: Runtime
  readonly log: Logger
}

/** What becomes of a job that waits for its next try. */
export interface RetryEnd {
  /** Its time has come, here. */
  due(job: Job): void
  /** The broker keeps the next try: this delivery is done. */
  moved(job: Job): void
  /** Its connection is gone: the broker delivers it again. */
  lost(job: Job): void
  /** The app stops: it returns to the broker. */
  abandoned(): void
}

/** Jobs that wait for their next try: in the process, or as a message that the broker delays. */
export class Retrying {
  readonly #options: RetryingOptions
  readonly #end: RetryEnd
  readonly #waiting = new Map<Job, () => void>()
  #moving = 0
  #isOver = false

  constructor(options: RetryingOptions, end: RetryEnd) {
    this.#options = options
    this.#end = end
  }

  /** Next tries that the broker has not confirmed yet. */
  get moving(): number {
    return this.#moving
  }

  /** How many wait in the process. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Who keeps it until its next try. */
  keeperOf(job: Job, afterMs: number): 'process' | 'broker' {
    return this.#mayMove(job, afterMs) ? 'broker' : 'process'
  }

  retry(job: Job, afterMs: number): void {
    if (this.#mayMove(job, afterMs)) this.#move(job, afterMs)
    else this.#wait(job, afterMs)
  }

  /** Those whose connection is gone wait no longer: they come again, and must find their place free. */
  letGo(): void {
    const lost = [...this.#waiting].filter(([job]) => job.raw.isStale)
    for (const [job, cancel] of lost) {
      cancel()
      this.#waiting.delete(job)
    }
    for (const [job] of lost) this.#end.lost(job)
  }

  stop(): void {
    this.#isOver = true
    for (const cancel of this.#waiting.values()) cancel()
    this.#waiting.clear()
  }

  /** A key keeps its order only in its lane, and a query only as long as somebody waits. A message without a type would not come back to a raw listener as it was. */
  #mayMove(job: Job, afterMs: number): boolean {
    return afterMs >= shortestDelayMs && this.#options.link.capabilities.groupDelay && job.key === undefined && !job.runner.isQuery && typeof job.raw.envelope.type === 'string'
  }

  #wait(job: Job, afterMs: number): void {
    if (this.#isOver) return this.#end.abandoned()
    if (job.raw.isStale) return this.#end.lost(job)
    const cancel = this.#options.runtime.after(afterMs, () => {
      this.#waiting.delete(job)
      this.#end.due(job)
    })
    this.#waiting.set(job, cancel)
  }

  #move(job: Job, afterMs: number): void {
    const { channel, group, link, log, runtime } = this.#options
    const next = movedMessage(job.raw, {
      of: { channel, group },
      id: job.id,
      headers: { ...job.raw.headers, [header.attempt]: job.attempt },
      time: new Date(runtime.now()).toISOString(),
      mandatory: link.capabilities.unroutable,
      delayMs: Math.ceil(afterMs / 1_000) * 1_000,
    })
    this.#moving++
    link.sender.send(next, (outcome) => {
      this.#moving--
      if (outcome.kind === 'confirmed') return this.#end.moved(job)

      log.warn(`The next try of ${job.runner.listener.label} was not taken by the broker and waits in the process: ${outcome.reason}`, { id: job.id, attempt: job.attempt })
      this.#wait(job, afterMs)
    })
  }
}

/**
 * Which try this is. A sender's own counter is not believed: only a message that came to this group alone is one of our retries,
 * and none may begin beyond the last try.
 */
export function attemptOf(raw: RawDelivery, attempts: number): number {
  if (!raw.toGroup) return 1
  const attempt = numberOf(raw.headers[header.attempt])

  return Number.isSafeInteger(attempt) && attempt > 1 ? Math.min(attempt, attempts) : 1
}
