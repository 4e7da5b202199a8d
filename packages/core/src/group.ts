import { AskedTwice } from './asked-twice.js'
import { BatchRunner } from './batch.js'
import type { Burial } from './burial.js'
import type { Letter } from './dead-letter.js'
import type { DeathNotices } from './death-notices.js'
import { diagnostics, type SkipEvent } from './diagnostics.js'
import { inspect } from './decode.js'
import type { Health } from './health.js'
import { Intake } from './intake.js'
import type { Job } from './job.js'
import { Lanes } from './lanes.js'
import type { Link } from './link.js'
import type { Limits } from './limits.js'
import type { Logger } from './logger.js'
import type { GroupDepth } from './plugin.js'
import type { Publishing } from './publishing.js'
import type { Replier } from './replier.js'
import { Outcomes, type OutcomesEnd } from './outcomes.js'
import { Parking, type ParkingEnd } from './parking.js'
import { RunTimes } from './run-times.js'
import { SingleRunner, type Runner, type RunnerOptions } from './runner.js'
import type { Runtime } from './runtime.js'
import { scopes } from './scope.js'
import { Share } from './share.js'
import { Survivors } from './survivors.js'
import type { StoreOutage } from './store-outage.js'
import { Suspects, type SuspectsEnd } from './suspects.js'
import type { Consumer, RawDelivery } from './transport.js'
import type { Unfinished } from './unfinished.js'
import { isDoneWithin } from './within.js'

/** How often a paused consumer's deliveries are looked at: nobody tells that a channel or a partition went while the connection stands. */
const lookMs = 1_000
/** So long a broker has to answer, even where the listeners took all the time. */
const leastStopMs = 1_000

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
  readonly notices: DeathNotices
  readonly storeOutage: StoreOutage
  readonly runners: readonly Omit<RunnerOptions, 'times' | 'end'>[]
}

/**
 * All listeners of one group on one channel, behind one subscription. Each delivery that comes in is settled once:
 * acked after success, tried again, buried as a dead letter, or left to the broker when the app stops.
 */
export class Group implements OutcomesEnd, SuspectsEnd, ParkingEnd {
  readonly #options: GroupOptions
  readonly #times: RunTimes
  readonly #runners: readonly Runner[]
  readonly #intake: Intake
  readonly #share: Share
  readonly #rated: readonly Runner[]
  readonly #lanes = new Lanes((job) => !this.#mayPark(job) || this.#parking?.admits(job) === true)
  readonly #askedTwice = new AskedTwice()
  readonly #outcomes: Outcomes
  readonly #suspects: Suspects
  readonly #survivors = new Survivors()
  readonly #parking: Parking | undefined
  #consumer: Consumer | undefined
  #stopping = false
  #onIdle: (() => void) | undefined
  #cancelLook: (() => void) | undefined

  constructor(options: GroupOptions) {
    this.#options = options
    this.#outcomes = new Outcomes(options, this)
    const { channel, group, link, runtime } = options
    this.#suspects = new Suspects({ of: { channel, group }, runtime, starts: link.capabilities.starts ? link.transport.starts : undefined }, this)
    this.#times = new RunTimes(options.runtime)
    const around = { times: this.#times, end: this.#outcomes }
    this.#runners = options.runners.map((runner) =>
      runner.listener.mode === 'batch' ? new BatchRunner({ ...runner, ...around, lanes: this.#lanes }) : new SingleRunner({ ...runner, ...around }),
    )
    this.#parking = this.#runners.some(parks) ? new Parking(options, this) : undefined
    this.#intake = new Intake(this.#runners, options.runtime)
    this.#share = new Share(
      this.#runners.map(({ listener }) => listener.options),
      () => this.running,
    )
    this.#rated = this.#runners.filter(({ listener }) => listener.options.rate)
  }

  get running(): number {
    return this.#runners.reduce((sum, runner) => sum + runner.running, 0)
  }

  async subscribe(): Promise<void> {
    const { channel, group, link } = this.#options
    await this.#parking?.read()
    link.watch(() => this.#lost())
    this.#consumer = await link.transport.subscribe({ kind: 'group', channel, group, window: this.#share.window }, (deliveries) =>
      // A broker in this process hands over in the scope of who published: what comes has nothing to do with that.
      scopes.run(undefined, () => this.#deliver(deliveries)),
    )
  }

  async depth(): Promise<GroupDepth> {
    const { channel, group, link } = this.#options

    return { channel, group, transport: link.name, ...(await link.transport.depth({ channel, group })) }
  }

  health(): Health['consumers'][number] {
    const { channel, group } = this.#options
    const known = this.#consumer?.health() ?? { attached: false, paused: false, unsettled: 0, lateSettles: 0, reason: 'It has not subscribed yet.', waiting: undefined }

    return { ...known, channel, group, running: this.running, blocked: this.#blocked, behind: this.#lanes.longest()?.key }
  }

  /** What its listeners have in hand. */
  unfinished(): readonly Unfinished[] {
    return this.#times.unfinished()
  }

  /** Starts nothing more, lets what runs finish within the time, then returns the rest to the broker. Resolves with what was abandoned. */
  async stop(deadlineMs: number): Promise<readonly Unfinished[]> {
    this.#stopping = true
    const { runtime } = this.#options
    const end = runtime.elapsed() + deadlineMs
    for (const runner of this.#runners) runner.stop()
    this.#outcomes.stop()
    this.#suspects.stop()
    this.#parking?.stop()
    this.#cancelLook?.()
    // Cancelling first would let the next process start a key whose predecessor still runs here.
    this.#consumer?.pause()
    await this.#idle(deadlineMs)
    const abandoned = this.#times.abandon()
    this.#options.burial.stop()
    await isDoneWithin(this.#suspects.close(), leastStopMs, runtime)
    // Half of what is left: the transport has to close after it.
    await this.#stopConsumer(Math.max(leastStopMs, (end - runtime.elapsed()) / 2))

    return abandoned
  }

  /** A broker that does not answer has the rest when its connection closes. */
  async #stopConsumer(ms: number): Promise<void> {
    const { channel, group, link, log, runtime } = this.#options
    if (!this.#consumer || (await isDoneWithin(this.#consumer.stop(), ms, runtime))) return
    log.warn(`Group "${group}" on "${channel}" left without an answer of ${link.name} after ${Math.round(ms)} ms; what it holds returns to the broker when the connection closes.`)
  }

  #deliver(deliveries: readonly RawDelivery[]): void {
    // A broker may close one channel, or take a partition away, while the connection stands.
    if (deliveries.some(({ redelivered }) => redelivered)) this.#lost()
    for (const raw of deliveries) {
      const job = this.#intake.jobOf(raw)
      if (job) this.#enter(job)
      else this.#unknown(raw)
    }
    this.#makeRoom()
  }

  #enter(job: Job): void {
    job.isSuspect = this.#suspects.suspects(job)
    if (job.raw.redelivered) this.#survivors.recall(job)
    if (this.#lanes.enter(job)) this.#offer(job)
    else job.runner.follow?.()
  }

  #offer(job: Job): void {
    // Once more: of the same key, it may have failed here while this delivery waited behind it.
    if (job.raw.redelivered) this.#survivors.recall(job)
    if (job.runner.isQuery && (this.#outcomes.answeredAgain(job) || !this.#askedTwice.enter(job))) return
    if (this.#mayPark(job)) this.#parking?.judge(job)
    else this.admitted(job)
  }

  admitted(job: Job): void {
    if (job.isSuspect) this.#suspects.offer(job)
    else job.runner.offer(job)
  }

  parked(job: Job): void {
    // It never starts, so it takes no turn from those of which one may be a killer.
    job.isSuspect = false
    if (job.raw.isStale || this.#stopping) return this.left(job)
    job.attempt = 0
    this.#outcomes.bury(job, 'PARKED', `An earlier message of the key "${job.key}" is dead, so this one waits beside it, to be redriven after it.`)
  }

  cleared(job: Job): void {
    job.runner.offerFirst(job)
  }

  due(job: Job): void {
    if (job.isSuspect) this.#suspects.offer(job)
    else job.runner.offerFirst(job)
  }

  begins(job: Job): Promise<boolean> {
    return this.#suspects.begins(job)
  }

  convicted(job: Job): void {
    job.attempt = job.starts
    this.#outcomes.refused(job, {
      code: 'KILLED_THE_PROCESS',
      reason: `It was started alone ${job.starts} times, and never ended: the process died each time. It was not started again.`,
    })
  }

  #unknown(raw: RawDelivery): void {
    const { app, channel, group, limits, link, log } = this.#options
    const refusal = inspect(raw, limits)
    const name = typeof raw.envelope.type === 'string' ? raw.envelope.type.slice(0, 255) : 'a message without a type'
    if (link.capabilities.kind === 'log' && !refusal) {
      if (diagnostics.skip.hasSubscribers) diagnostics.skip.publish({ app, transport: link.name, channel, group, messageName: name, reason: 'UNKNOWN_TYPE' } satisfies SkipEvent)
      return raw.settle('ack')
    }
    log.warn(`Nobody in group "${group}" takes "${name}"; it is kept as a dead letter.`, { channel })
    this.#outcomes.buryUnknown(raw, this.#intake.idOf(raw), refusal ?? { code: 'UNKNOWN_TYPE', reason: unknownType(raw, channel, group) })
  }

  get isStopping(): boolean {
    return this.#stopping
  }

  done(job: Job): void {
    if (this.#mayPark(job)) this.#parking?.done(job)
  }

  buried(job: Job, letter: Letter): void {
    if (this.#mayPark(job)) this.#parking?.buried(job, letter)
  }

  waits(job: Job): void {
    if (job.isSuspect) this.#suspects.finished(job, job.starts)
    this.#makeRoom()
  }

  left(job: Job): void {
    if (job.isSuspect) this.#suspects.finished(job, job.raw.isStale ? job.starts : 0)
    if (job.raw.isStale) this.#survivors.add(job)
    const next = this.#lanes.leave(job)
    if (next) this.#offer(next)
    if (job.runner.isQuery) for (const again of this.#askedTwice.leave(job)) this.#offer(again)
    this.#makeRoom()
    this.ended()
  }

  ended(): void {
    if (this.#stopping) this.#checkIdle()
  }

  #mayPark(job: Job): boolean {
    return this.#parking !== undefined && job.key !== undefined && parks(job.runner)
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
    if (this.running === 0 && this.#outcomes.settling === 0) this.#onIdle?.()
  }

  /** Others may have taken over meanwhile. */
  #lost(): void {
    this.#parking?.forget()
    this.#letGo()
  }

  /** What the broker delivers again holds neither its lane nor its share here. */
  #letGo(): void {
    if (this.#stopping) return
    this.#outcomes.letGo()
    for (const runner of this.#rated) runner.letGo()
    this.#makeRoom()
  }

  /** What waits without a slot must not be all that the window holds. */
  #makeRoom(): void {
    if (!this.#consumer || this.#stopping) return
    this.#share.make(this.#consumer, this.#blocked)
    if (this.#share.isPaused) this.#cancelLook ??= this.#options.runtime.after(lookMs, () => this.#look())
  }

  #look(): void {
    this.#cancelLook = undefined
    this.#letGo()
  }

  get #blocked(): number {
    let blocked = this.#lanes.waiting + this.#askedTwice.waiting + this.#outcomes.waiting + this.#suspects.waiting
    for (const { held } of this.#rated) blocked += held

    return blocked
  }
}

function parks({ listener }: Runner): boolean {
  return listener.options.deadKey === 'park'
}

function unknownType({ envelope }: RawDelivery, channel: string, group: string): string {
  if (typeof envelope.type !== 'string') {
    return (
      `A message without a type came to group "${group}" on channel "${channel}", so no listener could be found for it. Have its sender name it, ` +
      `on AMQP by the property \`type\` or a header \`__TypeId__\`, or take it as it is by @RawListener("${channel}").`
    )
  }
  const name = envelope.type.slice(0, 255)

  return `No listener of group "${group}" on channel "${channel}" takes "${name}". Give the group one, or say \`foreign: { name: "${name}" }\` of the message that its sender calls so.`
}
