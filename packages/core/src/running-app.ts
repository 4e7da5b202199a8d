import type { App } from './app.js'
import { healthOf } from './app-health.js'
import { AppStore } from './app-store.js'
import { transportsOf } from './app-transports.js'
import { BrokerTopology, type LiveTopology } from './app-topology.js'
import type { AppOptions } from './app-options.js'
import { Asking } from './asking.js'
import { Burial } from './burial.js'
import { isPlugin } from './check-options.js'
import { ChannelRules, covers } from './channel-rules.js'
import { checkCapabilities } from './check-capabilities.js'
import { jsonCodec } from './codec.js'
import { buildContainer, letGo, type ServiceContainer } from './container.js'
import { loggedOf } from './dead-letter.js'
import { DeathNotices } from './death-notices.js'
import { GroupDeadLetters } from './dead-letters.js'
import { parseDuration } from './duration.js'
import { ConfigError, WaybillError } from './error.js'
import { Fallback } from './fallback.js'
import { suggest, type Fault } from './fault.js'
import { isRecord, recordsOf } from './found.js'
import { Group } from './group.js'
import type { Health } from './health.js'
import { defaultLimits, type Limits } from './limits.js'
import { lateStart } from './late-start.js'
import { Link } from './link.js'
import { Links } from './links.js'
import { contextLogger } from './log-context.js'
import { consoleLogger, safeLogger, silentLogger, type Logger } from './logger.js'
import { definitionOf, freshMessage, type Message, type MessageClass } from './message.js'
import { nameMiddleware, type NamedMiddleware } from './middleware.js'
import { notRunning } from './not-running.js'
import { marks, type OutgoingRules } from './outgoing.js'
import type { Plan, PlannedListener, ServiceClass } from './plan.js'
import type { GroupDepth, PluginHost } from './plugin.js'
import { pluginHostOf } from './plugin-host.js'
import { Plugins } from './plugins.js'
import type { AskOptions, PublishOptions } from './publisher.js'
import { Publishing } from './publishing.js'
import { readPlan } from './read-plan.js'
import { RenamedTransport } from './renamed-transport.js'
import { Replier } from './replier.js'
import { defaultBacklog } from './room.js'
import { isRuntime, type Runtime } from './runtime.js'
import { onSignals } from './signals.js'
import { keepProcess, systemRuntime } from './system-runtime.js'
import { tie } from './tie.js'
import { topologyOf } from './topology.js'
import { finish } from './unfinished.js'
import { defaultTransaction, type ResolvedTransaction } from './transactions.js'
import type { Transport, TransportHost } from './transport.js'

type State = Health['state']

/** An app from its making to its end. */
export class RunningApp implements App {
  readonly #options: AppOptions
  readonly #runtime: Runtime
  readonly #log: Logger
  readonly #plan: Plan
  readonly #faults: readonly Fault[]
  readonly #limits: Limits
  readonly #shutdownMs: number
  readonly #middleware: readonly NamedMiddleware[]
  readonly #plugins: Plugins
  readonly #host: TransportHost
  readonly #links: Links
  readonly #store: AppStore
  readonly #outgoing: OutgoingRules
  readonly #publishing: Publishing
  readonly #asking: Asking
  readonly #notices = new DeathNotices()
  readonly deadLetters: GroupDeadLetters
  #container: ServiceContainer | undefined
  #groups: readonly Group[] = []
  #state: State = 'new'
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #release: (() => void) | undefined
  #late: WaybillError | undefined

  constructor(given: AppOptions) {
    const { plan, faults } = readPlan(given)
    const options = isRecord(given) ? given : ({} as AppOptions)
    this.#options = options
    this.#plan = plan
    this.#runtime = isRuntime(options.runtime) ? options.runtime : systemRuntime
    this.#log = options.log === false ? silentLogger : safeLogger(contextLogger(options.log ?? consoleLogger(String(options.name), () => this.#runtime.now())))
    this.#shutdownMs = parseDuration(options.shutdown) ?? 25_000
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#host = { app: options.name, instance: this.#runtime.id(), namespace: options.namespace, runtime: this.#runtime, log: this.#log }
    this.#plugins = new Plugins(recordsOf(options.plugins).filter(isPlugin), this.#log)
    this.#middleware = [...this.#plugins.middleware, ...nameMiddleware(recordsOf(options.middleware))]
    const transports = transportsOf(options)
    const deadlineMs = parseDuration(options.publishDeadline) ?? 10_000
    this.#faults = [...faults, ...transports.flatMap(([, transport]) => transport.faults)]
    const rules = new ChannelRules(isRecord(options.channels) ? options.channels : {})
    const named = (transport: Transport): Transport => (rules.hasNames ? new RenamedTransport(transport, (channel) => rules.physicalOf(channel)) : transport)
    this.#links = new Links(
      transports.map(([name, transport]) => new Link(name, named(transport), this.#host, deadlineMs, { ...defaultBacklog, ...options.backlog })),
      rules,
    )
    this.#outgoing = { app: options.name, runtime: this.#runtime, codec: jsonCodec, limits: this.#limits, links: this.#links, trace: this.#plugins.trace }
    this.#store = new AppStore(this.#plugins.store, this.#host)
    const fallback = this.#store.transactions && new Fallback(this.#links, this.#store.transactions, this.#runtime)
    this.#publishing = new Publishing({ links: this.#links, rules: this.#outgoing, log: this.#log, middleware: this.#middleware, fallback, home: this.#host })
    this.#asking = new Asking(this.#links, this.#outgoing)
    this.deadLetters = new GroupDeadLetters({
      links: this.#links,
      plan,
      codec: jsonCodec,
      notices: this.#notices,
      runtime: this.#runtime,
      log: this.#log,
      assertOpen: (label) => this.#assertOpen(label),
    })
  }

  get topology(): LiveTopology {
    const stated = topologyOf(
      this.#plan,
      (channel) => this.#links.of(channel).name,
      (channel) => this.#links.optionsOf(channel),
    )

    return new BrokerTopology(stated, { faults: this.#faults, links: this.#links.all, host: this.#host, asksOn: (link) => this.#asksOn(link) })
  }

  start(): Promise<void> {
    if (this.#stopping && (!this.#starting || this.#container)) return Promise.reject(this.#notRunning('app.start'))
    this.#starting ??= this.#start()

    return this.#starting
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()

    return this.#stopping
  }

  get<T>(type: abstract new (...args: never[]) => T): T {
    if (!this.#container || this.#state === 'stopped') throw this.#notRunning(`app.get(${type.name})`)

    return this.#container.get(type)
  }

  publish(message: unknown, options: PublishOptions = {}): Promise<void> {
    if (this.#state !== 'running' && this.#state !== 'stopping') return this.#publishing.refused(this.#notRunning('app.publish'), 'app.publish')

    return this.#publishing.publish((Array.isArray(message) ? message : [message]) as Message[], options, 'app.publish')
  }

  ask<R>(query: unknown, options: AskOptions = {}): Promise<R> {
    return this.#asked('app.ask', () => query as Message, options) as Promise<R>
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    return await this.#transact('app.transaction', defaultTransaction, work)
  }

  health(): Health {
    return healthOf({ state: this.#state, links: this.#links.all, groups: this.#groups, store: this.#store.health() })
  }

  async #start(): Promise<void> {
    if (this.#state !== 'new') throw this.#notRunning('app.start')
    this.#state = 'starting'
    const container = await this.#build()
    try {
      await this.#run(container)
    } catch (error) {
      const isStopped = this.#stopping !== undefined
      await this.stop()
      // What was made before a stop or a constructor that threw has nobody else to let go of it.
      await letGo(container, 1_000, this.#host)
      throw this.#late ?? (isStopped ? new WaybillError('STOPPED', `"${this.#options.name}" was stopped before it had started.`, { cause: error }) : error)
    }
    const brokers = this.#links.all.map(({ capabilities }) => capabilities.broker).join(', ')
    this.#log.info(`${this.#options.name} is running on ${brokers}`, { listeners: this.#plan.listeners.length, groups: this.#groups.length })
  }

  async #run(container: ServiceContainer): Promise<void> {
    const faults = [...this.#faults, ...this.#plugins.check(this.#plan), ...container.faults]
    if (faults.length > 0) throw new ConfigError(faults)
    this.#assertStarting()
    this.#release = this.#options.signals === false ? keepProcess() : onSignals({ log: this.#log, atMostMs: this.#shutdownMs, stop: () => this.stop() })
    const inTime = this.#watchStart()
    try {
      await this.#plugins.open(this.#pluginHost())
      await this.#connect()
      const services = await container.create()
      this.#assertStarting()
      this.#container = container
      await this.#plugins.start(this.#pluginHost())
      this.#assertStarting()
      this.#state = 'running'
      await this.#subscribe(services)
    } finally {
      inTime()
    }
  }

  /** Gives up where `startDeadline` says so; without it a broker that is away is waited for. */
  #watchStart(): () => void {
    const ms = parseDuration(this.#options.startDeadline)
    if (ms === undefined) return () => undefined

    return this.#runtime.after(ms, () => {
      this.#late = lateStart(this.#options, this.health(), this.#plugins.starting)
      void this.stop()
    })
  }

  async #connect(): Promise<void> {
    await Promise.all([this.#store.open(), ...this.#links.all.map((link) => link.connect(this.#host))])
    this.#assertStarting()
    const unable = checkCapabilities(this.#plan, this.#links)
    if (unable.length > 0) throw new ConfigError(unable)

    this.#warnOfUnusedChannels()
    await this.#declare()
    this.#assertStarting()
  }

  /** Not a fault: a program may publish on it later. Mostly it is a name that was mistyped. */
  #warnOfUnusedChannels(): void {
    const used = this.topology.channels.map(({ name }) => name)
    for (const name of Object.keys(this.#options.channels ?? {}).filter((pattern) => !used.some((channel) => covers(pattern, channel)))) {
      this.#log.warn(
        `\`channels\` says something of "${name}", on which no service of "${this.#options.name}" publishes or listens: it holds for app.publish alone.${suggest(name, used)}`,
      )
    }
  }

  #assertStarting(): void {
    if (this.#state !== 'starting') throw this.#notRunning('app.start')
  }

  async #declare(): Promise<void> {
    const { channels } = this.topology
    await Promise.all(this.#links.all.map((link) => link.declare({ channels: channels.filter(({ transport }) => transport === link.name), asks: this.#asksOn(link) })))
  }

  #asksOn(link: Link): boolean {
    return this.#plan.published.some(({ definition }) => definition.kind === 'query' && this.#links.of(definition.channel) === link)
  }

  #build(): Promise<ServiceContainer> {
    return buildContainer({
      services: this.#options.services,
      modules: recordsOf(this.#options.modules).filter((module) => typeof module.load === 'function'),
      provided: this.#plugins.provided,
      publisherFor: (type, label) => this.#publisherFor(type, label),
      onCreate: (instance) =>
        tie(instance, {
          state: () => this.#tieState(),
          transact: (label, settings, work) => this.#transact(label, settings, work),
          publish: (messages, _declared, label) => this.#publishing.publish(messages, {}, label),
          refused: (error, label) => this.#publishing.refused(error, label),
        }),
    })
  }

  #transact<T>(label: string, settings: ResolvedTransaction, work: () => Promise<T>): Promise<T> {
    this.#assertOpen(label)

    return this.#store.run(label, settings, work)
  }

  #publisherFor(type: MessageClass, label: string): (payload: unknown, options?: PublishOptions & AskOptions) => Promise<unknown> {
    if (definitionOf(type)?.kind === 'query') {
      return (payload, options = {}) => this.#asked(label, () => new type(payload), options)
    }

    // Without a middleware it is bytes before its caller goes on.
    const make = this.#middleware.some(({ middleware }) => middleware.publish) ? (item: unknown) => new type(item) : (item: unknown) => freshMessage(type, item)

    return (payload, options = {}) => {
      try {
        this.#assertOpen(label)
        const messages = Array.isArray(payload) ? payload.map(make) : [make(payload)]
        return this.#publishing.publish(messages, options, label)
      } catch (error) {
        return this.#publishing.refused(error, label)
      }
    }
  }

  /** A query that fails while nobody awaits it ends in the log, as a publish does. */
  #asked(label: string, query: () => Message, options: AskOptions): Promise<unknown> {
    const reply = (async () => {
      this.#assertOpen(label)

      return this.#asking.ask(query(), options)
    })()

    return this.#publishing.watched(reply, label)
  }

  async #subscribe(services: ReadonlyMap<ServiceClass, object>): Promise<void> {
    const addresses = new Map<string, PlannedListener[]>()
    for (const listener of this.#plan.listeners) {
      const address = `${listener.channel} ${listener.group}`
      addresses.set(address, [...(addresses.get(address) ?? []), listener])
    }
    this.#groups = [...addresses.values()].map((listeners) => this.#groupOf(listeners, services))
    const asked = this.#links.all.filter((link) => this.#asksOn(link))
    await Promise.all([...this.#groups.map((group) => group.subscribe()), ...asked.map((link) => this.#asking.listen(link))])
  }

  #groupOf(listeners: readonly PlannedListener[], services: ReadonlyMap<ServiceClass, object>): Group {
    const [{ channel, group }] = listeners as [PlannedListener]
    const link = this.#links.of(channel)
    const common = { app: this.#options.name, channel, group, link, limits: this.#limits, notices: this.#notices, runtime: this.#runtime, log: this.#log }
    const rules = { codec: jsonCodec, limits: this.#limits, lacksSagas: !this.#plugins.has('sagas') }
    const replier = new Replier({ ...common, codec: jsonCodec })

    return new Group({
      ...common,
      publishing: this.#publishing,
      burial: new Burial(common),
      storeOutage: this.#store.outage,
      replier,
      runners: listeners.map((listener) => ({
        app: this.#options.name,
        home: this.#host,
        instance: services.get(listener.service) as object,
        listener,
        prefix: link.capabilities.envelopePrefix,
        rules,
        transport: link.name,
        runtime: this.#runtime,
        middleware: this.#middleware,
        log: this.#log,
        transaction: this.#store.around(this.#options.name, listener, replier),
      })),
    })
  }

  async #stop(): Promise<void> {
    const end = this.#runtime.elapsed() + this.#shutdownMs
    const left = (): number => Math.max(0, end - this.#runtime.elapsed())
    const hasRun = this.#state === 'running'
    this.#state = 'stopping'
    await Promise.all([finish(this.#groups, this.#shutdownMs, this.#host), this.deadLetters.stop(this.#shutdownMs)])
    await this.#asking.close(Math.max(1_000, left() / 2))
    const atLeast = (): number => Math.max(1_000, left())
    await this.#plugins.stop(atLeast, this.#runtime)
    await Promise.all(this.#links.all.map((link) => link.close(atLeast())))
    await this.#store.close(atLeast())
    await letGo(this.#container, atLeast(), this.#host)
    this.#release?.()
    this.#state = 'stopped'
    if (hasRun) this.#log.info(`${this.#options.name} has stopped`)
  }

  #pluginHost(): PluginHost {
    return pluginHostOf({
      plan: this.#plan,
      host: this.#host,
      links: this.#links.all,
      rules: this.#outgoing,
      transactions: this.#store.transactions,
      get: (type) => {
        if (!this.#container) throw this.#notRunning(`host.get(${type.name})`)

        return this.#container.getSilent(type)
      },
      publish: (messages, options, own) => this.#publishing.publish(messages as Message[], { ...options, ...(own && { [marks]: own }) }, 'A plugin'),
      health: () => this.health(),
      depths: () => this.#depths(),
    })
  }

  async #depths(): Promise<readonly GroupDepth[]> {
    const found = await Promise.allSettled(this.#groups.map((group) => group.depth()))
    for (const one of found) if (one.status === 'rejected') this.#log.debug(`How much waits for a group cannot be told now: ${loggedOf(one.reason)}`)

    return found.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  }

  #tieState(): 'new' | 'running' | 'stopped' {
    if (this.#state === 'running' || this.#state === 'stopping') return 'running'

    return this.#state === 'stopped' ? 'stopped' : 'new'
  }

  #assertOpen(label: string): void {
    if (this.#tieState() !== 'running') throw this.#notRunning(label)
  }

  #notRunning(what: string): WaybillError {
    return notRunning(this.#options.name, this.#state, what)
  }
}
