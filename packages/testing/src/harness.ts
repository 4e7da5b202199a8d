import {
  type App,
  type AskOptions,
  ConfigError,
  countOf,
  type DeadMessage,
  type Duration,
  type Fault,
  type Named,
  type Outgoing,
  parseDuration,
  type Plugin,
  type PublishOptions,
  type ReplyOf,
  suggest,
  WaybillError,
} from '@waybill/core'
import { memory, type MemoryBroker } from '@waybill/transport-memory'
import { AppRun } from './app-run.js'
import { BrokerFaults } from './broker-faults.js'
import { checkCall, checkHarnessOptions, fault, type HarnessOptions } from './harness-options.js'
import { lives } from './life.js'
import { messageNameOf } from './message-name.js'
import { type Player, Stage } from './stage.js'
import type { VirtualRuntime } from './virtual-runtime.js'
import { millisecondsOf } from './milliseconds.js'
import { shown } from './shown.js'

type Told = Exclude<Parameters<App['publish']>[0], readonly unknown[]>
type Asked = Parameters<App['ask']>[0]

/**
 * Starts services on an embedded broker and a clock that stands still until the test lets time pass: the real core, no mocks, no waiting.
 * Rejects with what is wrong with the services. Stop it when the test ends: `await using shop = await harness({ services })`.
 */
export async function harness(options: HarnessOptions): Promise<Harness> {
  const faults = [...checkHarnessOptions(options), ...checkBeside(options)]
  if (faults.length > 0) throw new ConfigError(faults)
  const made = new Harness(options)
  try {
    await made.start()
  } catch (error) {
    await made.stop()
    throw error
  }

  return made
}

function checkBeside(options: HarnessOptions | undefined): readonly Fault[] {
  const beside: unknown = options?.beside

  return beside === undefined || beside instanceof Harness ? [] : [fault(`takes "beside" as another harness; found ${shown(beside)}`)]
}

/** Services under test, the broker they speak to, and the time they live in. */
export class Harness implements AsyncDisposable, Player {
  /** What the connection between the services and the broker suffers. */
  readonly faults = new BrokerFaults({ disconnect: () => this.broker.disconnect(this.#name), crash: (downForMs) => this.#crash(downForMs) })
  readonly #options: HarnessOptions
  readonly #name: string
  readonly #stage: Stage
  readonly #dead: AppRun[] = []
  readonly #stored = new Map<string, Outgoing>()
  readonly #client: App
  #run: AppRun
  #sending = 0
  #cancelStart: (() => void) | undefined
  #stopping: Promise<void> | undefined

  /** @internal Made by {@link harness}. */
  constructor(options: HarnessOptions) {
    this.#options = options
    this.#name = options.name ?? 'app'
    this.#stage = options.beside ? options.beside.#stage : new Stage(options.seed ?? 1, parseDuration(options.patience ?? '1s') ?? 1_000)
    this.#client = this.#stage.strangerFor(options)
    this.#run = this.#newRun()
  }

  get runtime(): VirtualRuntime {
    return this.#stage.runtime
  }

  /** The embedded broker: its queues, and what only a broker can do (`restart`, `block`, a message of a foreign system). */
  get broker(): MemoryBroker {
    return this.#stage.broker
  }

  /** The app of the services as it runs now; another one after a crash. */
  get app(): App {
    return this.#run.app
  }

  /** What happened between the services and the broker, a line each. The same seed and the same calls give the same lines. */
  get journal(): readonly string[] {
    return this.#stage.journal.lines
  }

  /** The past: sends these messages and lets them be worked off. What the services publish because of it does not count as {@link Harness.published}. */
  async given(...messages: readonly Told[]): Promise<void> {
    for (const message of messages) await this.when(message)
    this.#stored.clear()
  }

  /**
   * Sends a message to the services and lets everything happen that happens without time passing.
   * Rejects where the broker refuses it, also when nobody takes a command.
   */
  async when(message: Told, options: PublishOptions = {}): Promise<void> {
    let failure: unknown
    this.#sending++
    this.#client.publish(message, options).then(
      () => this.#sending--,
      (error: unknown) => {
        this.#sending--
        failure = error
      },
    )
    await this.#stage.quiet()
    if (failure !== undefined) throw failure
  }

  /** Asks the services; time passes until the answer is there, or its time is over. */
  async ask<M extends Asked>(query: M, options: AskOptions = {}): Promise<ReplyOf<M>> {
    let isOver = false
    const reply = this.#client.ask(query, options).finally(() => {
      isOver = true
    })
    reply.catch(() => undefined)
    await this.#stage.until(() => isOver, (parseDuration(options.timeout ?? '10s') ?? 10_000) + 1)

    return reply
  }

  /** What the services have published of this class, each message once, in the order in which the broker got them. */
  published<C extends Named>(type: C): readonly InstanceType<C>[] {
    const Message = type as unknown as new (payload: unknown) => InstanceType<C>
    const name = messageNameOf(type, 'published')
    const found = [...this.#stored.values()].filter(({ envelope }) => envelope.type === name)

    return found.map(({ body }) => new Message(JSON.parse(new TextDecoder().decode(body))))
  }

  /** Lets time pass, with everything that it brings. */
  async advance(time: Duration | number): Promise<void> {
    await this.#stage.advance(millisecondsOf(time))
  }

  /**
   * Resolves when everything that can happen at this moment has happened. With `within`, time passes, at most so long, until nothing is left to do:
   * no message waits, no listener runs, everybody is connected; rejects with what is left.
   */
  async settled(options: { readonly within?: Duration } = {}): Promise<void> {
    checkCall('settled', options, ['within'])
    const { within } = options
    if (within === undefined) return this.#stage.quiet()
    const isQuiet = await this.#stage.until(() => this.#stage.isFinished, millisecondsOf(within))
    if (!isQuiet) throw new WaybillError('NOT_QUIET', `The services are not quiet within ${within}. ${this.#stage.unfinished().join(' ')}`)
  }

  /** The dead letters of a service's group, the oldest first. Where a redrive has them in hand, time passes until it lets go. */
  async deadLetters(group: string, options: { readonly limit?: number } = {}): Promise<readonly DeadMessage[]> {
    checkCall('deadLetters', options, ['limit'])
    const { limit = 100 } = options
    const { channels } = this.app.topology
    const own = channels.filter(({ groups }) => groups.some(({ name }) => name === group))
    if (own.length === 0) throw unknownGroup(group, [...new Set(channels.flatMap(({ groups }) => groups.map(({ name }) => name)))].sort())
    const letters = await this.#stage.drive(Promise.all(own.map(({ name }) => this.app.deadLetters.list({ channel: name, group }, { limit }))))

    return letters
      .flat()
      .sort((a, b) => Date.parse(a.time ?? '') - Date.parse(b.time ?? ''))
      .slice(0, limit)
  }

  /** The instance of a service as it runs now; another one after a crash. */
  get<T>(type: abstract new (...args: never[]) => T): T {
    return this.app.get(type)
  }

  /** Within a listener: takes time of the clock. What crashes meanwhile does not wake up. */
  sleep(time: Duration | number): Promise<void> {
    const life = lives.getStore()
    if (!life) throw new WaybillError('SLEEP_OUTSIDE', 'Only a listener can sleep on the clock of a harness. A test lets time pass by "advance".')

    return life.sleep(millisecondsOf(time))
  }

  /** Stops the services and everything else that it has started. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()

    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** @internal Where the broker is away, the app goes on trying by itself. */
  async start(): Promise<void> {
    this.#stage.enter(this)
    await this.#stage.open()
    let failure: unknown
    this.#run.start().catch((error: unknown) => {
      failure = error
    })
    await this.#stage.quiet()
    if (failure !== undefined) throw failure
  }

  /** @internal */
  get waitsForTime(): boolean {
    return this.#sending > 0 || this.#cancelStart !== undefined || this.#run.waitsForTime
  }

  /** @internal */
  get unfinished(): string | undefined {
    if (this.#cancelStart || this.#run.isStarting) return `"${this.#name}" is starting.`
    if (this.#sending > 0) return `"${this.#name}" was sent ${countOf(this.#sending, 'message')} not confirmed yet.`
    if (this.#run.open > 0) return `"${this.#name}" has ${countOf(this.#run.open, 'publish or query', 'publishes and queries')} open.`
    const { ready, reasons } = [this.app, this.#client].map((app) => app.health()).find((health) => !health.ready) ?? this.app.health()

    return ready ? undefined : `"${this.#name}" is not ready: ${reasons.join(' ')}`
  }

  #newRun(): AppRun {
    const { seed: _seed, beside: _beside, patience: _patience, plugins: given = [], transport = (broker: MemoryBroker) => memory({ broker }), ...app } = this.#options
    const plugins = typeof given === 'function' ? given() : given
    refuseRealStores(plugins)

    return new AppRun({
      stage: this.#stage,
      faults: this.faults,
      transport: transport(this.broker),
      app: { log: false, ...app, name: this.#name, plugins },
      stored: (outgoing) => this.#remember(outgoing),
    })
  }

  #remember(outgoing: Outgoing): void {
    if (outgoing.to.kind === 'channel' && !this.#stored.has(outgoing.envelope.id)) this.#stored.set(outgoing.envelope.id, outgoing)
  }

  #crash(downForMs: number): void {
    if (this.#stopping || this.#cancelStart) return
    this.#run.crash()
    this.#dead.push(this.#run)
    this.#cancelStart = this.runtime.after(downForMs, () => {
      this.#cancelStart = undefined
      this.#run = this.#newRun()
      // It waits for its broker by itself; what is wrong with the services was told by the first start.
      this.#run.start().catch(() => undefined)
    })
  }

  async #stop(): Promise<void> {
    this.#cancelStart?.()
    this.#cancelStart = undefined
    await this.#stage.drive(Promise.allSettled([this.#run, ...this.#dead].map((run) => run.stop())))
    await this.#stage.leave(this)
  }
}

/** Dead letters are a group's: a class may listen in several, and a message go to several. */
function unknownGroup(found: unknown, groups: readonly string[]): WaybillError {
  const what =
    typeof found === 'string'
      ? `No service here is named "${found}".${suggest(found, groups)}`
      : `deadLetters takes the name of a group, which @Service gives; found ${shown(found)}.`

  return new WaybillError('UNKNOWN_GROUP', `${what} There are: ${groups.join(', ') || 'none'}.`)
}

/** A database answers in its own time and leases by its own clock, so nobody could tell when a moment is over. */
function refuseRealStores(plugins: readonly Plugin[]): void {
  const real = plugins.flatMap(({ name, store }) => (store && store.name !== 'memory' ? [{ name, store: store.name }] : []))
  if (real.length === 0) return

  throw new ConfigError(
    real.map(({ name, store }) => ({
      code: 'REAL_STORE',
      message:
        `harness needs a store that lives on its clock; the plugin "${name}" has the store "${store}", a real database, which does not: its time cannot stand still. ` +
        `Take plugins: [${name}(memoryStore())] of @waybill/store-memory here, and createApp without a virtual clock for a test on the database.`,
    })),
  )
}
