import { BatchRunner, type BatchEnd } from './batch.js'
import { Burial } from './burial.js'
import { diagnostics, type SkipEvent } from './diagnostics.js'
import { inspect, type Refusal } from './decode.js'
import type { Health } from './health.js'
import { Intake } from './intake.js'
import type { Job, ManualWord } from './job.js'
import { Lanes } from './lanes.js'
import type { Link } from './link.js'
import type { Limits } from './limits.js'
import type { Logger } from './logger.js'
import type { Publishing } from './publishing.js'
import type { Replier } from './replier.js'
import { parseDuration } from './duration.js'
import { judge } from './retry.js'
import { Retrying, type RetryEnd } from './retrying.js'
import { SingleRunner, type Runner, type RunnerOptions } from './runner.js'
import type { Runtime } from './runtime.js'
import type { Held } from './scope.js'
import { Share } from './share.js'
import { Suspects, type SuspectsEnd } from './suspects.js'
import type { Consumer, RawDelivery } from './transport.js'

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
export class Group implements BatchEnd, RetryEnd, SuspectsEnd {
  readonly #options: GroupOptions
  readonly #runners: readonly Runner[]
  readonly #intake: Intake
  readonly #share: Share
  readonly #rated: readonly Runner[]
  readonly #lanes = new Lanes()
  readonly #retrying: Retrying
  readonly #suspects: Suspects
  #consumer: Consumer | undefined
  #settling = 0
  #stopping = false
  #onIdle: (() => void) | undefined

  constructor(options: GroupOptions) {
    this.#options = options
    this.#retrying = new Retrying(options, this)
    this.#suspects = new Suspects(options.runtime, this)
    this.#runners = options.runners.map((runner) => (runner.listener.mode === 'batch' ? new BatchRunner({ ...runner, lanes: this.#lanes, end: this }) : new SingleRunner({ ...runner, end: this })))
    this.#intake = new Intake(this.#runners, options.runtime)
    this.#share = new Share(this.#runners.map(({ listener }) => listener.options), () => this.running)
    this.#rated = this.#runners.filter(({ listener }) => listener.options.rate)
  }

  get running(): number {
    return this.#runners.reduce((sum, runner) => sum + runner.running, 0)
  }

  async subscribe(): Promise<void> {
    const { channel, group, link } = this.#options
    this.#consumer = await link.transport.subscribe({ kind: 'group', channel, group, window: this.#share.window }, (deliveries) => this.#deliver(deliveries))
  }

  health(): Health['consumers'][number] {
    const { channel, group } = this.#options
    const known = this.#consumer?.health() ?? { attached: false, paused: false, unsettled: 0, lateSettles: 0, reason: 'It has not subscribed yet.', waiting: undefined }

    return { ...known, channel, group, running: this.running, blocked: this.#blocked, behind: this.#lanes.longest()?.key }
  }

  /** Starts nothing more, lets what runs finish within the time, then returns the rest to the broker. Resolves with how many were abandoned. */
  async stop(deadlineMs: number): Promise<number> {
    this.#stopping = true
    for (const runner of this.#runners) runner.stop()
    this.#retrying.stop()
    this.#suspects.stop()
    // Cancelling first would let the next process start a key whose predecessor still runs here.
    this.#consumer?.pause()
    await this.#idle(deadlineMs)
    const abandoned = this.#runners.reduce((sum, runner) => sum + runner.abandon(), 0)
    this.#options.burial.stop()
    await this.#consumer?.stop()

    return abandoned
  }

  succeeded(job: Job, value: unknown, held: Held, word: ManualWord | undefined): void {
    if (word?.kind === 'retry') return this.#again(job, parseDuration(word.after ?? '0ms') ?? 0)
    if (word?.kind === 'dead') return this.#bury(job, 'DEAD_LETTER', word.reason, undefined)
    if (held.outgoing.length === 0 && !this.#isQuery(job)) return this.#ack(job)

    this.#settling++
    const sending = this.#isQuery(job) ? this.#options.replier.reply(job, value).then(() => this.#options.publishing.release(held)) : this.#options.publishing.release(held)
    sending.then(
      () => this.#settled(() => this.#ack(job)),
      (error: unknown) => this.#settled(() => this.failed(job, error)),
    )
  }

  batchSucceeded(jobs: readonly Job[], held: Held, apart: () => void): void {
    const ack = (): void => {
      for (const job of jobs) this.#ack(job)
    }
    if (held.outgoing.length === 0) return ack()

    this.#settling++
    this.#options.publishing.release(held).then(
      () => this.#settled(ack),
      (error: unknown) => {
        this.#options.log.warn(`What a batch of ${jobs.length} messages published was not confirmed, so each of them runs by itself: ${messageOf(error)}`)
        this.#settled(apart)
      },
    )
  }

  failed(job: Job, error: unknown): void {
    if (job.raw.isStale) return this.#leave(job)
    if (this.#stopping && error === undefined) return

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
      const job = this.#intake.jobOf(raw)
      if (job) this.#enter(job)
      else this.#unknown(raw)
    }
    this.#makeRoom()
  }

  #enter(job: Job): void {
    job.isSuspect = this.#suspects.suspects(job)
    if (this.#lanes.enter(job)) this.#offer(job)
  }

  #offer(job: Job): void {
    if (job.isSuspect) this.#suspects.offer(job)
    else job.runner.offer(job)
  }

  cleared(job: Job): void {
    job.runner.offerFirst(job)
  }

  convicted(job: Job, starts: number): void {
    job.attempt = starts
    this.refused(job, { code: 'KILLED_THE_PROCESS', reason: `It was started ${starts} times, and never finished: the process ended each time. It was not started again.` })
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
    this.#options.burial.bury(raw, this.#intake.idOf(raw), { code: refusal?.code ?? 'UNKNOWN_TYPE', message: refusal?.reason ?? `No listener of group "${group}" on channel "${channel}" takes "${name}".`, listener: undefined, error: undefined, attempts: 0 }, () => this.#settled(() => raw.settle('ack')))
  }

  #again(job: Job, afterMs: number, error?: unknown): void {
    if (job.attempt >= job.runner.listener.options.retry.attempts) return this.#bury(job, 'FAILED', 'Its listener asked for another try, but all are used up.', error)
    this.#acquit(job)
    job.attempt++
    this.#options.log.debug(`${job.runner.listener.label} is tried again in ${afterMs} ms: ${messageOf(error)}`, { id: job.id, attempt: job.attempt })
    if (diagnostics.retry.hasSubscribers) diagnostics.retry.publish({ channel: this.#options.channel, group: this.#options.group, listener: job.runner.listener.label, id: job.id, attempt: job.attempt, afterMs, error })
    this.#retrying.retry(job, afterMs)
    this.#makeRoom()
  }

  due(job: Job): void {
    job.runner.offerFirst(job)
  }

  abandoned(): void {
    if (this.#stopping) this.#checkIdle()
  }

  moved(job: Job): void {
    this.#ack(job)
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
    this.#acquit(job)
    if (job.raw.isStale) this.#suspects.survived(job)
    const next = this.#lanes.leave(job)
    if (next) this.#offer(next)
    this.#makeRoom()
    if (this.#stopping) this.#checkIdle()
  }

  /** Its run is over, and the process lives. */
  #acquit(job: Job): void {
    if (!job.isSuspect) return
    job.isSuspect = false
    this.#suspects.finished(job)
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
    if (this.running === 0 && this.#settling === 0 && this.#retrying.moving === 0) this.#onIdle?.()
  }

  #isQuery(job: Job): boolean {
    return job.runner.isQuery
  }

  /** What waits without a slot must not be all that the window holds. */
  #makeRoom(): void {
    if (!this.#consumer || this.#stopping) return
    this.#share.make(this.#consumer, this.#blocked)
  }

  get #blocked(): number {
    let blocked = this.#lanes.waiting + this.#retrying.waiting + this.#suspects.waiting
    for (const { held } of this.#rated) blocked += held

    return blocked
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `It threw ${error === null ? 'null' : typeof error}, which is no Error.`
}
