import type { BatchEnd } from './batch.js'
import type { Burial } from './burial.js'
import { describeError, type Letter, loggedOf, messageOf, textUpTo } from './dead-letter.js'
import { WaybillError } from './error.js'
import { diagnostics, type RetryEvent, type SettleEvent, type SkipEvent } from './diagnostics.js'
import type { Refusal } from './decode.js'
import { parseDuration } from './duration.js'
import type { Job, ManualWord } from './job.js'
import type { Link } from './link.js'
import { originOf } from './log-context.js'
import { loggedFields } from './logged.js'
import type { LogFields, Logger } from './logger.js'
import { longestMs } from './option.js'
import type { Publishing } from './publishing.js'
import type { Replier } from './replier.js'
import { backOff, judge, quickTries } from './retry.js'
import { Retrying, type RetryEnd, shortestDelayMs } from './retrying.js'
import type { Runtime } from './runtime.js'
import type { Held } from './scope.js'
import { outageIn, StoreFull } from './store-error.js'
import type { StoreOutage } from './store-outage.js'
import type { RawDelivery } from './transport.js'

export interface OutcomesOptions {
  readonly app: string
  readonly channel: string
  readonly group: string
  readonly link: Link
  readonly runtime: Runtime
  readonly log: Logger
  readonly publishing: Publishing
  readonly replier: Replier
  readonly burial: Burial
  readonly storeOutage: StoreOutage
}

/** What a group hears of its jobs. */
export interface OutcomesEnd {
  readonly isStopping: boolean
  /** It did what it should, and is acked. */
  done(job: Job): void
  /** It is safe among the dead letters, and about to be acked. */
  buried(job: Job, letter: Letter): void
  /** Nothing more becomes of it here. */
  left(job: Job): void
  /** It lives, and waits for its next try. */
  waits(job: Job): void
  /** The time of its next try has come. */
  due(job: Job): void
  /** It may kill the process, so that it begins is counted first. False: it shall not. */
  begins(job: Job): Promise<boolean>
  /** Something ended while the group stops. */
  ended(): void
}

/** What becomes of each job when its run is over. Each is settled once: acked, tried again, buried, or left to the broker when the app stops. */
export class Outcomes implements BatchEnd, RetryEnd {
  readonly #options: OutcomesOptions
  readonly #end: OutcomesEnd
  readonly #retrying: Retrying
  #settling = 0

  constructor(options: OutcomesOptions, end: OutcomesEnd) {
    this.#options = options
    this.#end = end
    this.#retrying = new Retrying(options, this)
  }

  /** How many are being settled. */
  get settling(): number {
    return this.#settling + this.#retrying.moving
  }

  /** How many wait here for their next try. */
  get waiting(): number {
    return this.#retrying.waiting
  }

  /** Gives up those that wait here and whose connection is gone. */
  letGo(): void {
    this.#retrying.letGo()
  }

  stop(): void {
    this.#retrying.stop()
  }

  succeeded(job: Job, value: unknown, held: Held, word: ManualWord | undefined): void {
    const lost = (word?.kind ?? 'ack') === 'ack' && (held.overlooked ?? (held.isForgetful ? forgottenPublish(job.runner.listener.label) : undefined))
    if (lost) return this.failed(job, lost)
    this.#carryOut(job, value, held, word)
  }

  #carryOut(job: Job, value: unknown, held: Held, word: ManualWord | undefined): void {
    if (word?.kind === 'retry')
      return this.#again(job, Math.min(parseDuration(word.after ?? '0ms') ?? 0, longestMs), { how: 'asked for another try', why: 'it settled by retry.', error: undefined })
    if (word?.kind === 'dead') return this.bury(job, 'DEAD_LETTER', word.reason)
    if (held.outgoing.length === 0 && !job.runner.isQuery) return this.#ack(job)

    this.#settling++
    const sending = job.runner.isQuery ? this.#options.replier.reply(job, value).then(() => this.#options.publishing.release(held)) : this.#options.publishing.release(held)
    sending.then(
      () => this.#settled(() => this.#ack(job)),
      (error: unknown) => this.#settled(() => this.failed(job, error)),
    )
  }

  batchSucceeded(jobs: readonly Job[], held: Held, apart: () => void): void {
    const ack = (): void => {
      for (const job of jobs) this.#ack(job)
    }
    if (held.isForgetful || held.overlooked) {
      this.#options.log.warn(`What a batch of ${jobs.length} messages published was not awaited, so each of them runs by itself.`)
      return apart()
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

  failedLate(job: Job, error: Error): void {
    const { label } = job.runner.listener
    this.#options.log.warn(
      `${label} marked a message as failed after its batch had ended, so that changed nothing: ${loggedOf(error)} Await what may fail before the method returns.`,
      identity(job),
    )
  }

  failed(job: Job, error: unknown): void {
    if (job.raw.isStale) return this.#lost(job, error)
    if (this.#end.isStopping && error === undefined) return this.#end.ended()

    const outage = job.runner.isQuery ? undefined : outageIn(error)
    if (outage) return this.#uncounted(job, outage)
    const { retry } = job.runner.listener.options
    const verdict = judge(error, job.attempt, retry, this.#options.runtime)
    if (job.runner.isQuery) return this.#answerFailure(job, error, verdict.kind === 'retry' ? verdict.afterMs : undefined)
    if (verdict.kind === 'retry') return this.#again(job, verdict.afterMs, failure(error))
    if (verdict.kind === 'dead') return this.bury(job, verdict.code, messageOf(error), error)

    this.#options.log.info(`${job.runner.listener.label} ignored a message: ${verdict.reason}`, identity(job))
    this.#ack(job)
  }

  /** What is settled is settled. */
  threwSettled(job: Job, error: unknown, held: Held, word: ManualWord): void {
    this.#options.log.error(afterSettling(job.runner.listener.label, error, settledAs[word.kind]) + (held.pending > 0 ? unsentLine : ''), identity(job))
    this.#carryOut(job, undefined, held, word)
  }

  settledLate(job: Job, { kind }: ManualWord): void {
    const { label, options } = job.runner.listener
    this.#options.log.warn(
      `${label} wanted its message ${settledAs[kind]} after the try had ended, so that changed nothing. Settle before the method throws and within its time, which is ${options.timeoutMs} ms, or give it a longer "timeout".`,
      identity(job),
    )
  }

  refused(job: Job, { code, reason }: Refusal): void {
    if (code === 'EXPIRED') return this.#expired(job)
    if (job.runner.isQuery) return this.#answerFailure(job, Object.assign(new Error(reason), { code }), undefined)
    this.bury(job, code, reason, undefined)
  }

  due(job: Job): void {
    this.#end.due(job)
  }

  begins(job: Job): Promise<boolean> {
    return this.#end.begins(job)
  }

  moved(job: Job): void {
    this.#ack(job)
  }

  lost(job: Job): void {
    this.#end.left(job)
  }

  abandoned(): void {
    this.#end.ended()
  }

  bury(job: Job, code: string, message: string, error?: unknown): void {
    this.#settling++
    const { label } = job.runner.listener
    this.#options.burial.bury(job.raw, job.id, { code, message, error, listener: label, attempts: job.attempt, logged: loggedFields(job) }, (letter) => {
      this.#end.buried(job, letter)
      this.#settled(() => this.#settle(job))
    })
  }

  /** A query that was answered before is answered with the same. False: it is to run. */
  answeredAgain(job: Job): boolean {
    const sending = this.#options.replier.again(job)
    if (!sending) return false

    this.#settling++
    void sending.then(() => this.#settled(() => this.#ack(job)))

    return true
  }

  /** One that no listener takes. */
  buryUnknown(raw: RawDelivery, id: string, { code, reason }: { readonly code: string; readonly reason: string }): void {
    this.#settling++
    this.#options.burial.bury(raw, id, { code, message: reason, listener: undefined, error: undefined, attempts: 0 }, () => this.#settled(() => raw.settle('ack')))
  }

  /** Nothing was begun, or nobody knows whether it ended: that is no try of the listener's. */
  #uncounted(job: Job, error: Error): void {
    const afterMs = backOff(4, this.#options.runtime)
    const { log, storeOutage } = this.#options
    const { label } = job.runner.listener
    // A store that is full is connected: who finds it so tells.
    if (!(error instanceof StoreFull)) storeOutage.failed(label, error.message)
    log.debug(`${label} could not use its store; again in ${afterMs} ms, and it counts no try: ${error.message}`, identity(job))
    this.#retrying.retry(job, afterMs)
    this.#end.waits(job)
  }

  /** What failed meanwhile was a try, when it comes again. */
  #lost(job: Job, error: unknown): void {
    if (error !== undefined) job.attempt = Math.min(job.attempt + 1, job.runner.listener.options.retry.attempts)
    this.#end.left(job)
  }

  #again(job: Job, afterMs: number, { how, why, error }: Cause): void {
    if (job.attempt >= job.runner.listener.options.retry.attempts) return this.bury(job, 'FAILED', 'Its listener asked for another try, but all are used up.', error)
    job.attempt++
    const { retry } = job.runner.listener.options
    const tries = job.runner.isQuery ? quickTries(retry, shortestDelayMs) : retry.attempts
    this.#options.log.warn(`${job.runner.listener.label} ${how}, try ${job.attempt - 1} of ${tries}; again in ${afterMs} ms: ${why}`, identity(job))
    if (diagnostics.retry.hasSubscribers)
      diagnostics.retry.publish({
        app: this.#options.app,
        transport: this.#options.link.name,
        channel: this.#options.channel,
        group: this.#options.group,
        listener: job.runner.listener.label,
        messageName: textUpTo(job.raw.envelope.type, 255) ?? 'unknown',
        id: job.id,
        attempt: job.attempt,
        envelope: job.raw.envelope,
        afterMs,
        keptBy: this.#retrying.keeperOf(job, afterMs),
        error,
      } satisfies RetryEvent)
    this.#retrying.retry(job, afterMs)
    this.#end.waits(job)
  }

  #answerFailure(job: Job, error: unknown, retryAfterMs: number | undefined): void {
    if (retryAfterMs !== undefined && retryAfterMs < shortestDelayMs && this.#options.replier.hasTimeFor(job, retryAfterMs) && !this.#end.isStopping)
      return this.#again(job, retryAfterMs, failure(error))

    this.#options.log.warn(`${job.runner.listener.label} could not answer, and its caller hears so: ${loggedOf(error)}`, identity(job))
    this.#settling++
    const ended = (): void => this.#settled(() => this.#ack(job))
    this.#options.replier.replyError(job, error).then(ended, ended)
  }

  /** A query that waited too long: to do it would be work for nobody. */
  #expired(job: Job): void {
    const { app, channel, group, link, log } = this.#options
    const messageName = textUpTo(job.raw.envelope.type, 255) ?? 'unknown'
    log.info(`${job.runner.listener.label} did not answer a query whose caller no longer waits.`, identity(job))
    if (diagnostics.skip.hasSubscribers) diagnostics.skip.publish({ app, transport: link.name, channel, group, messageName, reason: 'EXPIRED' } satisfies SkipEvent)
    this.#ack(job)
  }

  #ack(job: Job): void {
    this.#options.storeOutage.worked(job.runner.listener.label)
    this.#end.done(job)
    this.#settle(job)
  }

  #settle(job: Job): void {
    job.raw.settle('ack')
    if (diagnostics.settle.hasSubscribers) this.#tellSettled(job)
    this.#end.left(job)
  }

  #tellSettled({ id, raw: { envelope }, runner }: Job): void {
    const { app, channel, group, link } = this.#options
    diagnostics.settle.publish({ app, transport: link.name, channel, group, listener: runner.listener.label, id, envelope } satisfies SettleEvent)
  }

  #settled(then: () => void): void {
    this.#settling--
    then()
    this.#end.ended()
  }
}

/** Why there is another try, for people, and what was thrown if anything was. */
interface Cause {
  readonly how: string
  readonly why: string
  readonly error: unknown
}

function forgottenPublish(label: string): WaybillError {
  return new WaybillError('FORGOTTEN_AWAIT', `${label} did not await a publish of its own, so nothing that it published was sent. Await every publish before the method returns.`)
}

const settledAs = { ack: 'acked', retry: 'to be tried again', dead: 'a dead letter' } as const satisfies Record<ManualWord['kind'], string>

const unsentLine = ' A publish of its own was still under way and is not sent.'

function afterSettling(label: string, error: unknown, settled: string): string {
  const why = describeError(error, loggedOf)
  if (error instanceof WaybillError && error.code === 'LISTENER_TIMEOUT') return `${label} had settled its message, which stays ${settled}, when its time was over: ${why}`

  return `${label} threw after it had settled its message, which stays ${settled}: ${why}. Settle last, or catch what may fail afterwards.`
}

function failure(error: unknown): Cause {
  return { how: 'failed', why: loggedOf(error), error }
}

/** What a person needs to find the message again. */
function identity(job: Job): LogFields {
  const { id, key, raw, runner } = job
  const { channel, group } = runner.listener

  return { messageName: textUpTo(raw.envelope.type, 255), id, key, channel, group, ...originOf(raw.envelope, id), ...loggedFields(job) }
}
