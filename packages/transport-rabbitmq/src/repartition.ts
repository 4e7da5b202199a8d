import { type Channel, call, closeChannel, type ConfirmChannel } from './driver.js'
import { openQuietChannel } from './declarations.js'
import { emptied } from './emptying.js'
import type { FoundBinding, Survey } from './management.js'
import {
  detached,
  type Inflow,
  isMarked,
  ledThrough,
  madeWithHead,
  type Mark,
  type MovingParts,
  openConfirms,
  putEnd,
  rebindMs,
  sourcesOf,
  type TellStep,
  throughOf,
  waitingArguments,
} from './moving.js'
import { movingNames, spreadingNames } from './moving-names.js'
import { preconditionFailed, replyCodeOf } from './refusal.js'
import { changeMark, shareMark } from './share-marks.js'
import { freed } from './sweep.js'
import { stateOf } from './tidying.js'
import { wordOf } from './difference.js'
import type { QueuePlan, SharePlan } from './topology.js'

export interface RepartitionParts extends MovingParts {
  readonly share: SharePlan
  /** The type of the channel's exchange. */
  readonly type: 'direct' | 'topic'
  /** The group's queues of messages with a key, as they were. */
  readonly former: readonly QueuePlan[]
  /** As they shall be. */
  readonly planned: readonly QueuePlan[]
  readonly tell: (thing: string) => TellStep
}

/**
 * Spreads the keys of a group over another number of queues. Each step may be done twice, and what was done is read from the broker, so one that was cut off goes on where it stood.
 *
 * The inflow of every old queue turns to one waiting queue; the old queues run empty by their consumers and go; the new ones are made, each with a signpost at its head; the inflow turns to them,
 * slot by slot in its new place; the consumers of the first queue take what waits, then all go home. So of a key nothing new is taken before everything old is done.
 */
export class Repartition {
  readonly #parts: RepartitionParts
  readonly #names: ReturnType<typeof spreadingNames>
  readonly #first: ReturnType<typeof movingNames>
  /** Every queue that the group has, had or shall have. */
  readonly #queues: readonly string[]
  #survey: Survey
  #detachedAt = 0

  constructor(parts: RepartitionParts) {
    const { former, planned, share, survey } = parts
    this.#parts = parts
    this.#survey = survey
    this.#names = spreadingNames(share.name)
    this.#queues = (former.length > planned.length ? former : planned).map(({ name }) => name)
    this.#first = movingNames(this.#firstQueue)
  }

  /** Resolves when every message is in its new queue or in somebody's hands. */
  async run(): Promise<void> {
    const channel = await openConfirms(this.#parts.model)
    if (!this.#isTaken()) await this.#move(channel)
    await this.#cleanUp(channel)
    await closeChannel(channel)
  }

  /** Nothing waits any more, and the marks went with the waiting queue: what is left is to be removed. */
  #isTaken(): boolean {
    return this.#foundMark === shareMark(this.#parts.planned.length) && !this.#survey.queues.has(this.#first.waiting)
  }

  get #foundMark(): unknown {
    return this.#survey.exchanges.get(this.#parts.share.name)?.arguments['alternate-exchange']
  }

  async #move(channel: ConfirmChannel): Promise<void> {
    if (!this.#is('closed')) await this.#open(channel)
    if (!this.#is('filled')) await this.#renew(channel)
    await this.#fill(channel)
    await this.#rebind(channel)
    await this.#step('the new number is noted')
    await this.#note(shareMark(this.#parts.planned.length))
    await this.#emptied(channel, this.#first.waiting, 'what waited is taken', { queue: this.#firstQueue, exchange: this.#names.split })
  }

  #is(mark: Mark): boolean {
    return isMarked(this.#survey, this.#names.bypass, mark)
  }

  async #open(channel: Channel): Promise<void> {
    const { bypass, change } = this.#names
    const mark = changeMark({ from: this.#parts.former.length, to: this.#parts.planned.length })
    await this.#step('it is noted that the number changes')
    await call((done) => channel.assertExchange(change, 'fanout', { durable: true, internal: true, alternateExchange: mark }, done))
    await this.#step('the way around is made')
    await call((done) => channel.assertExchange(bypass, 'fanout', { durable: true }, done))
    await this.#step('the waiting queue is made')
    await call((done) => channel.assertQueue(this.#first.waiting, { durable: true, arguments: waitingArguments(true) }, done))
    await call((done) => channel.bindQueue(this.#first.waiting, bypass, 'made', {}, done))
    await this.#step('nobody starts any more with either number')
    await this.#note(mark)
    for (const queue of this.#queues) await this.#turnable(channel, queue)
    for (const queue of this.#found) await detached(channel, this.#inflow(queue), this.#tellOf(queue))
  }

  async #turnable(channel: Channel, queue: string): Promise<void> {
    const { entry } = movingNames(queue)
    await freed({ model: this.#parts.model, queue, runtime: this.#parts.runtime })
    await this.#tellOf(queue)('the entry is made')
    await call((done) => channel.assertExchange(entry, 'fanout', { durable: true, alternateExchange: this.#names.bypass }, done))
    if (this.#survey.queues.has(queue)) await ledThrough(channel, this.#inflow(queue), this.#tellOf(queue))
  }

  async #renew(channel: ConfirmChannel): Promise<void> {
    for (;;) {
      await this.#close(channel)
      for (const queue of this.#queues) await this.#emptied(channel, queue, 'the old queue runs empty', { queue: this.#first.waiting, exchange: this.#names.bypass })
      if (await this.#replace()) return
      // A process of another version started in between, and made a queue of its own.
      this.#survey = await this.#parts.look()
    }
  }

  async #close(channel: ConfirmChannel): Promise<void> {
    await this.#step('it is noted that the old queues are closed')
    await call((done) => channel.bindQueue(this.#first.waiting, this.#names.bypass, 'closed' satisfies Mark, {}, done))
    for (const queue of this.#queues) {
      const tell = this.#tellOf(queue)
      await tell('the inflow turns to the waiting queue')
      await call((done) => channel.unbindQueue(queue, movingNames(queue).entry, '', {}, done))
      if (!(await stateOf(this.#parts.model, queue))) continue
      // Somebody who started meanwhile may have bound it again.
      await detached(channel, this.#inflow(queue), tell)
      await tell('the signpost is put at the end of the old queue')
      await putEnd(channel, queue)
    }
  }

  /** False: a queue is there again. */
  async #replace(): Promise<boolean> {
    this.#survey = await this.#parts.look()
    if (this.#found.length > 0) return false
    const channel = await openConfirms(this.#parts.model)
    for (const { arguments: shape, name } of this.#parts.planned) {
      await this.#tellOf(name)('the new queue is made')
      if (!(await madeWithHead(channel, name, shape))) return false
    }
    await closeChannel(channel)

    return true
  }

  async #fill(channel: ConfirmChannel): Promise<void> {
    await this.#split(channel)
    await this.#step('it is noted that the new queues are there')
    await call((done) => channel.bindQueue(this.#first.waiting, this.#names.bypass, 'filled' satisfies Mark, {}, done))
    for (const queue of this.#queues) {
      await this.#tellOf(queue)('the inflow turns to the new queues')
      await call((done) => channel.bindExchange(this.#names.split, movingNames(queue).entry, '', {}, done))
    }
    await this.#step('the signpost is put at the end of the waiting queue')
    await putEnd(channel, this.#first.waiting)
    await this.#step('the waiting queue is opened')
    await call((done) => channel.assertExchange(this.#first.open, 'fanout', { durable: true, internal: true }, done))
  }

  async #split(channel: Channel): Promise<void> {
    const { rest, split } = this.#names
    const { planned, type } = this.#parts
    await this.#step('the ways to the new queues are made')
    await call((done) => channel.assertExchange(rest, 'fanout', { durable: true }, done))
    await call((done) => channel.bindQueue(this.#firstQueue, rest, '', {}, done))
    await call((done) => channel.assertExchange(split, type, { durable: true, alternateExchange: rest }, done))
    for (const { bindings, name } of planned) for (const { routingKey } of bindings) await call((done) => channel.bindQueue(name, split, routingKey, {}, done))
  }

  // What somebody bound by hand has no slot: all of it comes to the first queue, then and later.
  async #rebind(channel: Channel): Promise<void> {
    const { former, planned } = this.#parts
    const known = new Set([...former, ...planned].flatMap(({ bindings }) => bindings.map(({ exchange, routingKey }) => wordOf(exchange, routingKey))))
    const all = this.#queues.flatMap((queue) => this.#allOf(queue).map((binding) => ({ entry: movingNames(queue).entry, binding })))
    const byHand = all.filter(({ binding: { routing_key, source } }) => !known.has(wordOf(source, routing_key)))
    for (const { bindings, name } of planned) {
      for (const { exchange, routingKey } of bindings) {
        await this.#tellOf(name)(`"${routingKey}" comes to the new queue itself`)
        await call((done) => channel.bindQueue(name, exchange, routingKey, {}, done))
      }
    }
    for (const { arguments: more, routing_key, source } of byHand.map(({ binding }) => binding)) {
      await this.#tellOf(this.#firstQueue)(`"${routing_key}" of "${source}" comes to the new queue itself`)
      await call((done) => channel.bindQueue(this.#firstQueue, source, routing_key, more, done))
    }
    for (const { binding, entry } of all) {
      const { arguments: more, routing_key, source } = binding
      await this.#step(`"${routing_key}" leaves the entry "${entry}"`)
      await call((done) => channel.unbindExchange(entry, source, routing_key, more, done))
    }
  }

  /** By what messages came to a queue, itself or through its entry. */
  #allOf(queue: string): readonly FoundBinding[] {
    return [...throughOf(this.#survey, movingNames(queue).entry), ...this.#inflow(queue).sources].filter(({ source }) => !this.#isOurs(source))
  }

  #isOurs(source: string): boolean {
    return source === this.#names.split || source === this.#names.rest
  }

  async #cleanUp(channel: Channel): Promise<void> {
    const { bypass, change, rest, split } = this.#names
    await this.#step('the way around is removed')
    await call((done) => channel.deleteExchange(bypass, {}, done))
    await this.#step('consumers go home')
    await call((done) => channel.deleteExchange(this.#first.open, {}, done))
    for (const name of [...this.#queues.map((queue) => movingNames(queue).entry), split, rest, change]) {
      await this.#step(`the exchange "${name}" is removed`)
      await call((done) => channel.deleteExchange(name, {}, done))
    }
  }

  #emptied(confirms: ConfirmChannel, queue: string, what: string, to: { readonly queue: string; readonly exchange: string }): Promise<void> {
    const { holders, model, patienceMs, runtime } = this.#parts
    const told = async (count: number): Promise<void> => {
      await this.#tellOf(queue)(what, count)
      if (queue !== this.#first.waiting) await this.#keepDetached(confirms)
    }

    return emptied({ model, confirms, queue, what, told, to, runtime, patienceMs, keepsOrder: true, holders: () => holders(queue) })
  }

  // Who starts meanwhile binds the old queues again, and then each message comes by both ways.
  async #keepDetached(channel: Channel): Promise<void> {
    const { look, runtime } = this.#parts
    if (runtime.elapsed() - this.#detachedAt < rebindMs) return
    this.#survey = await look()
    for (const queue of this.#found) await detached(channel, this.#inflow(queue), this.#tellOf(queue))
    this.#detachedAt = runtime.elapsed()
  }

  /** Says at the broker what the number is. Both at once; who starts in between notes his own, and is put right. */
  async #note(mark: string): Promise<void> {
    const { name } = this.#parts.share
    if (this.#foundMark === mark) return
    for (;;) {
      const channel = await openQuietChannel(this.#parts.model)
      const removed = call((done) => channel.deleteExchange(name, {}, done))
      const made = call((done) => channel.assertExchange(name, 'fanout', { durable: true, internal: true, alternateExchange: mark }, done))
      const [, outcome] = await Promise.allSettled([removed, made])
      if (outcome.status === 'fulfilled') return closeChannel(channel)
      if (replyCodeOf(outcome.reason) !== preconditionFailed) throw outcome.reason
    }
  }

  get #firstQueue(): string {
    return this.#queues[0] as string
  }

  get #found(): readonly string[] {
    return this.#queues.filter((queue) => this.#survey.queues.has(queue))
  }

  #inflow(queue: string): Inflow {
    const { entry } = movingNames(queue)

    return { queue, entry, sources: sourcesOf(this.#survey, queue, entry).filter(({ source }) => !this.#isOurs(source)) }
  }

  #tellOf(queue: string): TellStep {
    return this.#parts.tell(`queue "${queue}"`)
  }

  async #step(step: string): Promise<void> {
    await this.#parts.tell(`partitions of queue "${this.#parts.share.queue}"`)(step)
  }
}
