import { BrokerRefused, type ChannelTopology, type TransportHost, type Topology } from '@waybill/core'
import { ladder } from './descent.js'
import { differencesOf, isOfShape, refusalOf as refusalOfDifferences } from './difference.js'
import { type Channel, call, closeChannel, type Model, openChannel } from './driver.js'
import type { Survey } from './management.js'
import { refusalOfDeclare, replyCodeOf, sentenceOf } from './refusal.js'
import { markIn, partitionsIn, sentenceOfShare, shareMark } from './share-marks.js'
import { type Binding, type ExchangePlan, type Names, planOf, type QueuePlan, type SharePlan, type TopologyPlan } from './topology.js'

/** A channel carries one declaration at a time, so they are spread over some: 300 queues in a quarter of the time. */
const lanes = 8

interface Step {
  /** For people: `queue "orders.billing"`. */
  readonly what: string
  readonly run: (channel: Channel) => Promise<unknown>
  /** What proves that it exists, for users who may not declare. */
  readonly check: ((channel: Channel) => Promise<unknown>) | undefined
  /** After that for whoever may: what the check does not see. */
  readonly compare?: (channel: Channel) => Promise<unknown>
  /** A better sentence than the broker's for what it refuses. */
  readonly explain?: (error: unknown) => BrokerRefused | undefined
}

export interface DeclarationsOptions {
  readonly host: TransportHost
  readonly names: Names
  readonly mode: 'create' | 'check' | 'none'
  /** What the broker has, where its HTTP API is known. */
  readonly survey: (() => Promise<Survey>) | undefined
}

/** Makes what the app needs at the broker, and again after the broker lost it. */
export class Declarations {
  readonly #host: TransportHost
  readonly #names: Names
  readonly #channels = new Map<string, ChannelTopology>()
  readonly #mode: 'create' | 'check' | 'none'
  readonly #survey: (() => Promise<Survey>) | undefined
  #plan: TopologyPlan = { exchanges: [], shares: [], queues: [] }

  constructor({ host, mode, names, survey }: DeclarationsOptions) {
    this.#host = host
    this.#names = names
    this.#mode = mode
    this.#survey = survey
  }

  /** From now on `restore` restores this too. Returns what it asks for by itself. */
  learn(topology: Topology): TopologyPlan {
    for (const channel of topology.channels) this.#channels.set(channel.name, merged(this.#channels.get(channel.name), channel))
    const all = { ...topology, channels: [...this.#channels.values()] }
    this.#names.learn(all)
    this.#plan = planOf(all, this.#names)

    return planOf(topology, this.#names)
  }

  /** Makes what is planned. Rejects with each refusal in one error; with the driver's error where the connection was lost. */
  async declare(model: Model, plan: TopologyPlan): Promise<void> {
    const refused = this.#mode === 'create' ? await create(model, plan) : this.#mode === 'check' ? await check(model, plan) : []
    if (refused.length > 0) throw together(await this.#completed(refused, plan))
    if (this.#mode === 'check') await this.#compare(plan)
  }

  /** The broker names the first difference of a thing; its HTTP API has them all. */
  async #completed(refused: readonly BrokerRefused[], plan: TopologyPlan): Promise<readonly BrokerRefused[]> {
    const others = refused.filter(({ code }) => code !== 'TOPOLOGY_DIFFERS')
    const survey = others.length < refused.length ? await this.#surveyed() : undefined
    const differences = survey ? differencesOf(plan, survey).filter(isOfShape) : []

    return differences.length === 0 ? refused : [refusalOfDifferences(differences, together(refused)), ...others]
  }

  async #compare(plan: TopologyPlan): Promise<void> {
    const survey = await this.#surveyed()
    const differences = survey ? differencesOf(plan, survey) : []
    if (differences.length > 0) throw refusalOfDifferences(differences)
  }

  /** Undefined where it cannot be asked: that keeps nobody from starting. */
  async #surveyed(): Promise<Survey | undefined> {
    try {
      return await this.#survey?.()
    } catch (error) {
      this.#host.log.warn(`What differs at the broker is not known in full. ${error instanceof Error ? error.message : String(error)}`)

      return undefined
    }
  }

  /** Whether a queue of this app is to get what is published there with that key. */
  binds(exchange: string, routingKey: string): boolean {
    if (this.#mode !== 'create') return false

    return this.#plan.queues.some(({ bindings }) => bindings.some((one) => one.exchange === exchange && `${routingKey}.`.startsWith(`${one.routingKey.replace(/\.\*$/, '')}.`)))
  }

  /** The same after a reconnect: what cannot be restored is logged, and leaves the rest alone. */
  async restore(model: Model): Promise<void> {
    try {
      await this.declare(model, this.#plan)
    } catch (error) {
      if (!(error instanceof BrokerRefused)) throw error
      this.#host.log.error(`After a reconnect something could not be declared again. ${error.message}`)
    }
  }

  /** Makes one queue that was lost while the rest stands. False: its group's keys are spread over fewer queues now, and it is none of them any more. */
  async ensure(model: Model, queue: string): Promise<boolean> {
    const plan = this.#plan.queues.find((q) => q.name === queue)
    const share = this.#plan.shares.find(({ name }) => queue.startsWith(`${name}.`))
    if (plan) {
      try {
        await this.declare(model, { exchanges: [], shares: share ? [share] : [], queues: [plan] })
      } catch (error) {
        if (share && Number(queue.slice(share.name.length + 1)) >= foundIn(error)) return false
        throw error
      }
    }

    return true
  }
}

async function create(model: Model, { exchanges, queues, shares }: TopologyPlan): Promise<BrokerRefused[]> {
  const refused = await runAll(model, [...(exchanges.some((plan) => !plan.isForeign) ? [lostStep] : []), ...exchanges.map(exchangeStep), ...shares.map(shareStep)])
  // Nothing is bound where the number of partitions differs: the old bindings would stay beside the new ones.
  if (refused.length === 0) refused.push(...(await runAll(model, queues.map(queueStep))))
  if (refused.length === 0) refused.push(...(await runAll(model, queues.flatMap(bindingSteps))))

  return refused
}

async function check(model: Model, { exchanges, queues, shares }: TopologyPlan): Promise<BrokerRefused[]> {
  const steps = [...exchanges.map(exchangeStep), ...shares.map(shareStep), ...queues.map(queueStep)]
  const refused = await runAll(
    model,
    steps.map((step) => ({ ...step, run: step.check ?? step.run })),
  )

  return refused.length > 0
    ? refused
    : runAll(
        model,
        steps.flatMap((step) => (step.compare ? { ...step, run: step.compare } : [])),
      )
}

/** What was said of a channel before stays true for the groups that are not named now. */
function merged(known: ChannelTopology | undefined, channel: ChannelTopology): ChannelTopology {
  const others = (known?.groups ?? []).filter(({ name }) => !channel.groups.some((group) => group.name === name))

  return { ...channel, groups: [...others, ...channel.groups] }
}

/** The broker warns with each message that goes by an alternate exchange that is not there. */
const lostStep: Step = {
  what: `exchange "${ladder.lost}"`,
  run: (channel) => call((done) => channel.assertExchange(ladder.lost, 'topic', { durable: true }, done)),
  check: (channel) => call((done) => channel.checkExchange(ladder.lost, done)),
}

function exchangeStep(plan: ExchangePlan): Step {
  const check = (channel: Channel) => call((done) => channel.checkExchange(plan.name, done))
  const declare = (channel: Channel) => call((done) => channel.assertExchange(plan.name, plan.type, { durable: true, alternateExchange: ladder.lost }, done))

  return { what: `exchange "${plan.name}"`, run: plan.isForeign ? check : declare, check }
}

function shareStep({ name, queue, partitions }: SharePlan): Step {
  const run = (channel: Channel) => call((done) => channel.assertExchange(name, 'fanout', { durable: true, internal: true, alternateExchange: shareMark(partitions) }, done))
  const explain = (error: unknown): BrokerRefused | undefined => {
    const found = markIn(sentenceOf(error))
    if (found === undefined) return undefined

    return new BrokerRefused('TOPOLOGY_DIFFERS', sentenceOfShare(`queue "${queue}"`, partitions, found), { cause: error })
  }

  // A look compares nothing. Where the exchange stands, declaring it makes nothing either.
  const check = (channel: Channel) => call((done) => channel.checkExchange(name, done))

  return { what: `exchange "${name}"`, run, check, compare: run, explain }
}

/** How many partitions the broker has, where it refused another number; else so many that no queue is beyond. */
function foundIn(error: unknown): number {
  const cause = error instanceof BrokerRefused ? error.cause : undefined

  return partitionsIn(markIn(sentenceOf(cause))) ?? Number.POSITIVE_INFINITY
}

function queueStep(plan: QueuePlan): Step {
  const check = (channel: Channel) => call((done) => channel.checkQueue(plan.name, done))
  const declare = (channel: Channel) => call((done) => channel.assertQueue(plan.name, { durable: true, arguments: plan.arguments }, done))

  return { what: `queue "${plan.name}"`, run: plan.isForeign ? check : declare, check }
}

function bindingSteps(plan: QueuePlan): Step[] {
  // First bound, then unbound: a message between the two comes twice rather than never.
  return [...plan.bindings.map((binding) => bindStep(plan, binding)), ...plan.unbindings.map((binding) => unbindStep(plan, binding))]
}

function bindStep(plan: QueuePlan, { exchange, routingKey }: Binding): Step {
  const run = (channel: Channel) => call((done) => channel.bindQueue(plan.name, exchange, routingKey, {}, done))

  return { what: `binding of queue "${plan.name}" to exchange "${exchange}" by "${routingKey}"`, run, check: undefined }
}

function unbindStep(plan: QueuePlan, { exchange, routingKey }: Binding): Step {
  const run = (channel: Channel) => call((done) => channel.unbindQueue(plan.name, exchange, routingKey, {}, done))

  return { what: `outdated binding of queue "${plan.name}" to exchange "${exchange}" by "${routingKey}"`, run, check: undefined }
}

/** Runs steps side by side. Resolves with what the broker refused; rejects where the connection was lost. */
async function runAll(model: Model, steps: readonly Step[]): Promise<BrokerRefused[]> {
  const refused: BrokerRefused[] = []
  const rest = steps.values()
  await Promise.all(Array.from({ length: Math.min(lanes, steps.length) }, () => runLane(model, rest, refused)))

  return refused
}

async function runLane(model: Model, steps: Iterator<Step> & Iterable<Step>, refused: BrokerRefused[]): Promise<void> {
  let channel: Channel | undefined
  for (let next = steps.next(); !next.done; next = steps.next()) {
    channel ??= await openQuietChannel(model)
    const error = await errorOf(next.value.run(channel))
    if (error === undefined) continue
    // The broker closes a channel with each refusal.
    channel = undefined
    const refusal = await refusalOf(model, next.value, error)
    if (refusal) refused.push(refusal)
  }
  if (channel) await closeChannel(channel)
}

async function refusalOf(model: Model, step: Step, error: unknown): Promise<BrokerRefused | undefined> {
  if (replyCodeOf(error) === undefined) throw error
  if (replyCodeOf(error) !== 403 || !step.check) return step.explain?.(error) ?? refusalOfDeclare(error, step.what)
  // Without the right to configure, even an equal declaration is refused. What exists is used as it is.
  const channel = await openQuietChannel(model)
  const missing = await errorOf(step.check(channel))
  if (missing !== undefined) return refusalOfDeclare(error, step.what)
  await closeChannel(channel)

  return undefined
}

/** Whatever its arguments are: another process may have moved it to others. */
export async function isQueueThere(model: Model, queue: string): Promise<boolean> {
  const channel = await openQuietChannel(model)
  const error = await errorOf(call((done) => channel.checkQueue(queue, done)))
  if (error !== undefined && replyCodeOf(error) === undefined) throw error
  if (error === undefined) await closeChannel(channel)

  return error === undefined
}

/** A channel whose refusals come as rejected calls alone. */
export async function openQuietChannel(model: Model): Promise<Channel> {
  const channel = await openChannel(model)
  channel.on('error', () => undefined)

  return channel
}

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work

    return undefined
  } catch (error) {
    return error
  }
}

function together(refused: readonly BrokerRefused[]): BrokerRefused {
  const [first] = refused
  if (refused.length === 1) return first as BrokerRefused

  return new BrokerRefused(first?.code ?? 'TOPOLOGY_REFUSED', `RabbitMQ refused ${refused.length} declarations:\n${refused.map((r) => `  ${r.message}`).join('\n')}`, {
    cause: first,
  })
}
