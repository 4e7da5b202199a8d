import { type Channel, call, closeChannel, type ConfirmChannel } from './driver.js'
import { emptied } from './emptying.js'
import type { Survey } from './management.js'
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
import { movingNames } from './moving-names.js'
import { freed } from './sweep.js'
import { stateOf } from './tidying.js'
import type { QueuePlan } from './topology.js'

export interface MoveParts extends MovingParts {
  readonly plan: QueuePlan
  readonly told: TellStep
}

/**
 * Moves one queue to other arguments. Each step may be done twice, and what was done is read from the broker, so a move that was cut off goes on where it stood.
 *
 * Through the entry the inflow turns from the old queue to the waiting one, at once for all keys; the old queue runs empty by its consumers, who leave at the signpost
 * at its end; it is made anew with a signpost at its head; the inflow turns back; consumers take what waits first, then go home.
 */
export class Move {
  readonly #parts: MoveParts
  readonly #queue: string
  readonly #names: ReturnType<typeof movingNames>
  #survey: Survey
  #detachedAt = 0

  constructor(parts: MoveParts) {
    this.#parts = parts
    this.#queue = parts.plan.name
    this.#names = movingNames(this.#queue)
    this.#survey = parts.survey
  }

  /** Resolves when the queue has its new arguments and every message is in it or in somebody's hands. */
  async run(): Promise<void> {
    const channel = await openConfirms(this.#parts.model)
    if (!this.#isTaken()) await this.#move(channel)
    await this.#cleanUp(channel)
    await closeChannel(channel)
  }

  /** Nothing waits any more, and the marks went with the waiting queue: what is left is to be removed. */
  #isTaken(): boolean {
    const { bypass, entry, open, waiting } = this.#names
    const { exchanges, queues } = this.#survey

    return exchanges.has(entry) && !queues.has(waiting) && (exchanges.has(open) || !exchanges.has(bypass))
  }

  async #move(channel: ConfirmChannel): Promise<void> {
    if (!this.#is('closed')) await this.#open(channel)
    if (!this.#is('filled')) await this.#renew(channel)
    await this.#fill(channel)
    await this.#rebind(channel)
    await this.#emptied(channel, this.#names.waiting, 'what waited is taken')
  }

  #is(mark: Mark): boolean {
    return isMarked(this.#survey, this.#names.bypass, mark)
  }

  async #renew(channel: ConfirmChannel): Promise<void> {
    for (;;) {
      await this.#close(channel)
      await this.#emptied(channel, this.#queue, 'the old queue runs empty')
      if (await this.#replace()) return
      // A process of the old version started in between, and made the old queue again.
      this.#survey = await this.#parts.look()
    }
  }

  async #open(channel: Channel): Promise<void> {
    const { bypass, entry, waiting } = this.#names
    await this.#step('the way around is made')
    await call((done) => channel.assertExchange(bypass, 'fanout', { durable: true }, done))
    await this.#step('the waiting queue is made')
    await call((done) => channel.assertQueue(waiting, { durable: true, arguments: waitingArguments(this.#isOrdered) }, done))
    await call((done) => channel.bindQueue(waiting, bypass, 'made', {}, done))
    await freed({ model: this.#parts.model, queue: this.#queue, runtime: this.#parts.runtime })
    await this.#step('the entry is made')
    await call((done) => channel.assertExchange(entry, 'fanout', { durable: true, alternateExchange: bypass }, done))
    await ledThrough(channel, this.#inflow, this.#parts.told)
    await this.#detach(channel)
  }

  #detach(channel: Channel): Promise<void> {
    return detached(channel, this.#inflow, this.#parts.told)
  }

  async #close(channel: ConfirmChannel): Promise<void> {
    const { bypass, entry, waiting } = this.#names
    await this.#step('it is noted that the old queue is closed')
    await call((done) => channel.bindQueue(waiting, bypass, 'closed' satisfies Mark, {}, done))
    await this.#step('the inflow turns to the waiting queue')
    await call((done) => channel.unbindQueue(this.#queue, entry, '', {}, done))
    if (!(await stateOf(this.#parts.model, this.#queue))) return
    // Somebody who started meanwhile may have bound it again.
    await this.#detach(channel)
    await this.#step('the signpost is put at the end of the old queue')
    await putEnd(channel, this.#queue)
  }

  async #replace(): Promise<boolean> {
    await this.#step('the new queue is made')
    const { model, plan } = this.#parts
    const channel = await openConfirms(model)
    if (!(await madeWithHead(channel, this.#queue, plan.arguments))) return false
    await closeChannel(channel)

    return true
  }

  async #fill(channel: ConfirmChannel): Promise<void> {
    const { bypass, entry, open, waiting } = this.#names
    await this.#step('it is noted that the new queue is there')
    await call((done) => channel.bindQueue(waiting, bypass, 'filled' satisfies Mark, {}, done))
    await this.#step('the inflow turns to the new queue')
    await call((done) => channel.bindQueue(this.#queue, entry, '', {}, done))
    await this.#step('the signpost is put at the end of the waiting queue')
    await putEnd(channel, waiting)
    await this.#step('the waiting queue is opened')
    await call((done) => channel.assertExchange(open, 'fanout', { durable: true, internal: true }, done))
  }

  async #rebind(channel: Channel): Promise<void> {
    const { entry } = this.#names
    const all = [...throughOf(this.#survey, entry), ...this.#inflow.sources]
    for (const { arguments: more, routing_key, source } of all) {
      await this.#step(`"${routing_key}" comes to the new queue itself`)
      await call((done) => channel.bindQueue(this.#queue, source, routing_key, more, done))
    }
    for (const { arguments: more, routing_key, source } of all) {
      await this.#step(`"${routing_key}" leaves the entry`)
      await call((done) => channel.unbindExchange(entry, source, routing_key, more, done))
    }
  }

  async #cleanUp(channel: Channel): Promise<void> {
    const { bypass, entry, open } = this.#names
    await this.#step('the way around is removed')
    await call((done) => channel.deleteExchange(bypass, {}, done))
    await this.#step('consumers go home')
    await call((done) => channel.deleteExchange(open, {}, done))
    await this.#step('the entry is removed')
    await call((done) => channel.deleteExchange(entry, {}, done))
  }

  #emptied(confirms: ConfirmChannel, queue: string, what: string): Promise<void> {
    const isOld = queue === this.#queue
    const { bypass, entry, waiting } = this.#names
    const { holders, model, patienceMs, runtime } = this.#parts
    const told = async (count: number): Promise<void> => {
      await this.#step(what, count)
      if (isOld) await this.#keepDetached(confirms)
    }

    return emptied({
      model,
      confirms,
      queue,
      what,
      told,
      runtime,
      patienceMs,
      to: { queue: isOld ? waiting : this.#queue, exchange: isOld ? bypass : entry },
      keepsOrder: this.#isOrdered,
      holders: () => holders(queue),
    })
  }

  // Who starts meanwhile binds the old queue again, and then each message comes by both ways.
  async #keepDetached(channel: Channel): Promise<void> {
    const { look, runtime } = this.#parts
    if (runtime.elapsed() - this.#detachedAt < rebindMs) return
    this.#survey = await look()
    await this.#detach(channel)
    this.#detachedAt = runtime.elapsed()
  }

  get #isOrdered(): boolean {
    return this.#parts.plan.arguments['x-single-active-consumer'] === true
  }

  get #inflow(): Inflow {
    const { entry } = this.#names

    return { queue: this.#queue, entry, sources: sourcesOf(this.#survey, this.#queue, entry) }
  }

  async #step(step: string, waiting = 0): Promise<void> {
    await this.#parts.told(step, waiting)
  }
}
