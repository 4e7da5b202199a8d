import { Burial } from './burial.js'
import { diagnostics, type SkipEvent } from './diagnostics.js'
import { inspect, type Refusal } from './decode.js'
import { Job, type ManualWord } from './job.js'
import { Lanes } from './lanes.js'
import type { Link } from './link.js'
import type { Limits } from './limits.js'
import type { Logger } from './logger.js'
import { definitionOf } from './message.js'
import { longestMs } from './option.js'
import type { Publishing } from './publishing.js'
import type { Replier } from './replier.js'
import { parseDuration } from './duration.js'
import { judge } from './retry.js'
import { Runner, type RunEnd, type RunnerOptions } from './runner.js'
import type { Runtime } from './runtime.js'
import type { Held } from './scope.js'
import type { Consumer, ConsumerHealth, RawDelivery } from './transport.js'

export interface GroupOptions {
  readonly app: string
  readonly channel: string
  readonly group: string
  readonly limits: Limits
  readonly link: Link
  readonly runtime: Runtime
  readonly log: Logger
  readonly publishing: Publishing
  readonly replier: Replier
  readonly burial: Burial
  readonly runners: readonly Omit<RunnerOptions, 'end'>[]
}

/**
 * All listeners of one group on one channel, behind one subscription. Each delivery that comes in is settled once:
 * acked after success, tried again, buried as a dead letter, or left to the broker when the app stops.
 */
export class Group implements RunEnd {
  readonly #options: GroupOptions
  readonly #runners: readonly Runner[]
  readonly #byType = new Map<string, Runner>()
  readonly #raw: Runner | undefined
  readonly #lanes = new Lanes()
  readonly #retries = new Set<() => void>()
  #consumer: Consumer | undefined
  #settling = 0
  #stopping = false
  #onIdle: (() => void) | undefined

  constructor(options: GroupOptions) {
    this.#options = options
    this.#runners = options.runners.map((runner) => new Runner({ ...runner, end: this }))
    for (const runner of this.#runners) {
      if (runner.listener.takes === 'raw') continue
      for (const type of runner.listener.takes) {
        const definition = definitionOf(type)
        if (definition) this.#byType.set(definition.name, runner)
        if (definition?.foreignName !== undefined) this.#byType.set(definition.foreignName, runner)
      }
    }
    this.#raw = this.#runners.find(({ listener }) => listener.takes === 'raw')
  }

  /** Twice what can run at once: while one half is worked on, the other is on its way. */
  get window(): number {
    return 2 * this.#runners.reduce((sum, { listener }) => sum + listener.options.concurrency.max, 0)
  }

  get running(): number {
    return this.#runners.reduce((sum, runner) => sum + runner.running, 0)
  }

  async subscribe(): Promise<void> {
    const { channel, group, link } = this.#options
    this.#consumer = await link.transport.subscribe({ kind: 'group', channel, group, window: this.window }, (deliveries) => this.#deliver(deliveries))
  }

  health(): ConsumerHealth & { channel: string; group: string; running: number } {
    const { channel, group } = this.#options
    const known = this.#consumer?.health() ?? { attached: false, paused: false, unsettled: 0, lateSettles: 0, reason: 'It has not subscribed yet.', waiting: undefined }

    return { ...known, channel, group, running: this.running }
  }

  /** Starts nothing more, lets what runs finish within the time, then returns the rest to the broker. Resolves with how many were abandoned. */
  async stop(deadlineMs: number): Promise<number> {
    this.#stopping = true
    for (const runner of this.#runners) runner.stop()
    for (const cancel of this.#retries) cancel()
    this.#retries.clear()
    // Cancelling first would let the next process start a key whose predecessor still runs here.
    this.#consumer?.pause()
    await this.#idle(deadlineMs)
    const abandoned = this.#runners.reduce((sum, runner) => sum + runner.abandon(), 0)
    this.#options.burial.stop()
    await this.#consumer?.stop()

    return abandoned
  }

  succeeded(job: Job, value: unknown, held: Held, word: ManualWord | undefined): void {
    if (word?.kind === 'retry') return this.#again(job, Math.min(parseDuration(word.after ?? '0ms') ?? 0, longestMs))
    if (word?.kind === 'dead') return this.#bury(job, 'DEAD_LETTER', word.reason, undefined)
    if (held.outgoing.length === 0 && !this.#isQuery(job)) return this.#ack(job)

    this.#settling++
    const sending = this.#isQuery(job) ? this.#options.replier.reply(job, value).then(() => this.#options.publishing.release(held)) : this.#options.publishing.release(held)
    sending.then(
      () => this.#settled(() => this.#ack(job)),
      (error: unknown) => this.#settled(() => this.failed(job, error)),
    )
  }

  failed(job: Job, error: unknown): void {
    if (job.raw.isStale) return this.#leave(job)
    if (this.#stopping && error === undefined) return this.#checkIdle()

    const { retry } = job.runner.listener.options
    const verdict = judge(error, job.attempt, retry, this.#options.runtime)
    if (this.#isQuery(job)) return this.#answerFailure(job, error, verdict.kind === 'retry' ? verdict.afterMs : undefined)
    if (verdict.kind === 'retry') return this.#again(job, verdict.afterMs, error)
    if (verdict.kind === 'dead') return this.#bury(job, verdict.code, messageOf(error), error)

    this.#options.log.info(`${job.runner.listener.label} ignored a message: ${verdict.reason}`, { id: job.id })
    this.#ack(job)
  }

  refused(job: Job, { code, reason }: Refusal): void {
    if (this.#isQuery(job)) return this.#answerFailure(job, Object.assign(new Error(reason), { code }), undefined)
    this.#bury(job, code, reason, undefined)
  }

  #deliver(deliveries: readonly RawDelivery[]): void {
    for (const raw of deliveries) {
      const type = raw.envelope.type
      const runner = (typeof type === 'string' ? this.#byType.get(type) : undefined) ?? this.#raw
      if (runner) this.#enter(new Job(raw, runner, this.#idOf(raw), typeof raw.envelope.subject === 'string' ? raw.envelope.subject : undefined))
      else this.#unknown(raw)
    }
  }

  #enter(job: Job): void {
    if (this.#lanes.enter(job)) job.runner.offer(job)
  }

  #unknown(raw: RawDelivery): void {
    const { app, channel, group, limits, link, log } = this.#options
    const refusal = inspect(raw, limits)
    const name = typeof raw.envelope.type === 'string' ? raw.envelope.type.slice(0, 255) : 'a message without a type'
    if (link.capabilities.kind === 'log' && !refusal) {
      if (diagnostics.skip.hasSubscribers) diagnostics.skip.publish({ app, channel, group, messageName: name } satisfies SkipEvent)
      return raw.settle('ack')
    }
    log.warn(`Nobody in group "${group}" takes "${name}"; it is kept as a dead letter.`, { channel })
    this.#settling++
    this.#options.burial.bury(
      raw,
      this.#idOf(raw),
      {
        code: refusal?.code ?? 'UNKNOWN_TYPE',
        message: refusal?.reason ?? `No listener of group "${group}" on channel "${channel}" takes "${name}".`,
        listener: undefined,
        error: undefined,
        attempts: 0,
      },
      () => this.#settled(() => raw.settle('ack')),
    )
  }

  #again(job: Job, afterMs: number, error?: unknown): void {
    if (job.attempt >= job.runner.listener.options.retry.attempts) return this.#bury(job, 'FAILED', 'Its listener asked for another try, but all are used up.', error)
    if (this.#stopping) return this.#checkIdle()
    job.attempt++
    this.#options.log.debug(`${job.runner.listener.label} is tried again in ${afterMs} ms: ${messageOf(error)}`, { id: job.id, attempt: job.attempt })
    if (diagnostics.retry.hasSubscribers)
      diagnostics.retry.publish({
        channel: this.#options.channel,
        group: this.#options.group,
        listener: job.runner.listener.label,
        id: job.id,
        attempt: job.attempt,
        afterMs,
        error,
      })
    const cancel = this.#options.runtime.after(afterMs, () => {
      this.#retries.delete(cancel)
      job.runner.offerFirst(job)
    })
    this.#retries.add(cancel)
  }

  #bury(job: Job, code: string, message: string, error: unknown): void {
    this.#settling++
    const { label } = job.runner.listener
    this.#options.burial.bury(job.raw, job.id, { code, message, error, listener: label, attempts: job.attempt }, () => this.#settled(() => this.#ack(job)))
  }

  #answerFailure(job: Job, error: unknown, retryAfterMs: number | undefined): void {
    if (retryAfterMs !== undefined && this.#options.replier.hasTimeFor(job, retryAfterMs) && !this.#stopping) return this.#again(job, retryAfterMs, error)

    this.#settling++
    const ended = (): void => this.#settled(() => this.#ack(job))
    this.#options.replier.replyError(job, error).then(ended, ended)
  }

  #ack(job: Job): void {
    job.raw.settle('ack')
    this.#leave(job)
  }

  #leave(job: Job): void {
    const next = this.#lanes.leave(job)
    if (next) next.runner.offer(next)
    if (this.#stopping) this.#checkIdle()
  }

  #settled(then: () => void): void {
    this.#settling--
    then()
    if (this.#stopping) this.#checkIdle()
  }

  #idle(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.runtime.after(deadlineMs, resolve)
      this.#onIdle = () => {
        cancel()
        resolve()
      }
      this.#checkIdle()
    })
  }

  #checkIdle(): void {
    if (this.running === 0 && this.#settling === 0) this.#onIdle?.()
  }

  #isQuery(job: Job): boolean {
    return job.runner.isQuery
  }

  #idOf(raw: RawDelivery): string {
    const { id } = raw.envelope

    // A stranger's message without an id gets one for this delivery: two alike may both be meant.
    return typeof id === 'string' && id.length > 0 && id.length <= 255 ? id : this.#options.runtime.id()
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `It threw ${error === null ? 'null' : typeof error}, which is no Error.`
}
