import { Container, type ContainerModule, type GetOptions, type ResolutionContext, type ServiceIdentifier } from 'inversify'
import { checkInjections } from './check-injections.js'
import { checkConstructor, checkUnlisted } from './check-services.js'
import { noStore } from './check-transactions.js'
import { ConfigError, WaybillError } from './error.js'
import type { Fault } from './fault.js'
import { describeFound } from './found.js'
import { describeToken, type Injection, injectionsOf } from './injection.js'
import type { Logger } from './logger.js'
import { listedServices, type MarkedService, reachableServices } from './marked-service.js'
import { definitionOf, type MessageClass } from './message.js'
import { isOfStore, metadataOf } from './metadata.js'
import type { ServiceClass } from './plan.js'
import type { Runtime } from './runtime.js'
import { isDoneWithin } from './within.js'

/** The user's own bindings, in inversify's words. */
export type Module = ContainerModule

export interface ContainerParts {
  /** The app's `services`, as the user gave them. */
  readonly services: unknown
  readonly modules: readonly Module[]
  /** What plugins give: instances by their class. */
  readonly provided?: readonly (readonly [abstract new (...args: never[]) => object, object])[]
  /** The function that a parameter with `@Publisher` gets. `label` is for people: `The query "rate.get" of Depot`. */
  publisherFor(type: MessageClass, label: string): unknown
  /** Sees each instance before anybody else does, so that it can be tied to its app. */
  onCreate(instance: object): void
}

/** Makes the instances of one app. Two apps share nothing. */
export interface ServiceContainer {
  /** What could not be made, and why; found without making anything. */
  readonly faults: readonly Fault[]
  /** Makes every service, in the order of `services`, and what they ask for. Rejects with what a constructor threw. */
  create(): Promise<ReadonlyMap<ServiceClass, object>>
  /** A service, or what the user's modules bind. Makes it where nobody has asked for it yet. */
  get<T>(type: abstract new (...args: never[]) => T): T
  /** The same, also where its listeners do not run. */
  getSilent<T>(type: abstract new (...args: never[]) => T): T
  /** Lets go of everything; `onDeactivation` of the user's bindings runs. */
  close(): Promise<void>
}

/** Loads the user's modules and binds every `@Service` class that can be reached. Makes no instance. */
export async function buildContainer(parts: ContainerParts): Promise<ServiceContainer> {
  const container = new Container({ defaultScope: 'Singleton' })
  for (const [type, instance] of parts.provided ?? []) container.bind(type as unknown as ServiceIdentifier).toConstantValue(instance)
  const faults = [...(await loadModules(container, parts.modules))]
  const services = reachableServices(listedServices(parts.services)).filter(({ marks }) => marks.service)
  const maker = new Maker(container, parts)
  for (const service of services) {
    if (container.isBound(service.type)) faults.push(boundTwice(service))
    else maker.bind(service)
  }
  faults.push(...checkInjections(services, (token, options) => container.isBound(token as ServiceIdentifier, options)))

  const listed = new Set<unknown>(services.filter(({ isListed }) => isListed).map(({ type }) => type))

  return {
    faults,
    create: () => createAll(container, services),
    get: (type) => {
      assertHeard(listed, type)

      return getOne(container, { maker, listed }, type)
    },
    getSilent: (type) => getOne(container, { maker, listed }, type),
    close: () => container.unbindAllAsync(),
  }
}

/** Lets go of everything that was made, in its time; what fails then is told, and keeps nobody from stopping. */
export async function letGo(container: ServiceContainer | undefined, ms: number, { log, runtime }: { readonly log: Logger; readonly runtime: Runtime }): Promise<void> {
  if (!container) return
  try {
    if (await isDoneWithin(container.close(), ms, runtime)) return
    log.error(`An \`onDeactivation\` of \`modules\` did not end within ${Math.round(ms)} ms; the app stops without it.`)
  } catch (error) {
    log.error(`An \`onDeactivation\` of \`modules\` failed: ${error instanceof Error ? error.message : describeFound(error)}`)
  }
}

/** Makes services by their constructors: inversify only keeps them. */
class Maker {
  readonly #container: Container
  readonly #parts: ContainerParts
  readonly #underWay: MarkedService[] = []
  readonly #watched = new Set<unknown>()

  constructor(container: Container, parts: ContainerParts) {
    this.#container = container
    this.#parts = parts
  }

  bind(service: MarkedService): void {
    this.#container
      .bind(service.type)
      .toDynamicValue((context) => this.#make(service, context))
      .inSingletonScope()
    for (const { token } of injectionsOf(service)) if (!metadataOf(token).service) this.#watch(token)
  }

  /** What a module makes for a service may publish too, so it is tied like one. */
  #watch(token: unknown): void {
    if (token === undefined || this.#watched.has(token)) return
    this.#watched.add(token)
    this.#container.onActivation(token as ServiceIdentifier, (_context, value) => {
      if (typeof value === 'object' && value !== null) this.#parts.onCreate(value)

      return value
    })
  }

  #make(service: MarkedService, context: ResolutionContext): object {
    // A binding of the user's can lead back here, which inversify follows until the process dies.
    if (this.#underWay.includes(service)) throw new ConfigError([cycleThroughModule([...this.#underWay, service])])
    this.#underWay.push(service)
    try {
      const args = this.#arguments(service, context)
      const instance = construct(service, args)
      this.#parts.onCreate(instance)

      return instance
    } finally {
      this.#underWay.pop()
    }
  }

  #arguments(service: MarkedService, context: ResolutionContext): readonly unknown[] {
    const args: unknown[] = []
    for (const injection of injectionsOf(service)) args[injection.index] = resolve(context, injection)
    for (const { index, messages } of service.marks.publisherParameters) {
      const [type] = messages
      const definition = definitionOf(type)
      if (definition) args[index] = this.#parts.publisherFor(type as MessageClass, `The ${definition.kind} "${definition.name}" of ${service.label}`)
    }

    return args
  }
}

function construct({ type, label }: MarkedService, args: readonly unknown[]): object {
  try {
    return new type(...args)
  } catch (error) {
    throw new WaybillError('CONSTRUCTOR', `The constructor of ${label} threw: ${error instanceof Error ? error.message : describeFound(error)}`, { cause: error })
  }
}

function resolve(context: ResolutionContext, injection: Injection): unknown {
  const token = injection.token as ServiceIdentifier

  return injection.isMany ? context.getAll(token, lookup(injection)) : context.get(token, lookup(injection))
}

function lookup({ name, tag, isOptional }: Injection): GetOptions {
  return { ...(name === undefined ? {} : { name }), ...(tag ? { tag } : {}), ...(isOptional ? { optional: true } : {}) }
}

async function createAll(container: Container, services: readonly MarkedService[]): Promise<ReadonlyMap<ServiceClass, object>> {
  await prepare(container, services)

  return new Map(services.filter(({ isListed }) => isListed).map(({ type }) => [type, container.get<object>(type)]))
}

/** Services are made at once, so what a module makes asynchronously for them has to be there before. */
async function prepare(container: Container, services: readonly MarkedService[]): Promise<void> {
  const own = new Set<unknown>(services.map(({ type }) => type))
  for (const injection of services.flatMap(injectionsOf).filter(({ token }) => !own.has(token))) {
    const token = injection.token as ServiceIdentifier
    await (injection.isMany ? container.getAllAsync(token, lookup(injection)) : container.getAsync(token, lookup(injection)))
  }
}

interface Known {
  readonly maker: Maker
  /** The classes whose listeners run. */
  readonly listed: ReadonlySet<unknown>
}

/** An instance whose listeners never run is not what its caller thinks it is. */
function assertHeard(listed: ReadonlySet<unknown>, type: unknown): void {
  if (listed.has(type)) return
  const silent = reachableServices(listedServices([type])).filter((service) => !listed.has(service.type))
  const faults = silent.flatMap(checkUnlisted)
  if (faults.length > 0) throw new ConfigError(faults)
}

function getOne<T>(container: Container, { maker, listed }: Known, type: abstract new (...args: never[]) => T): T {
  const token = type as unknown as ServiceIdentifier<T>
  if (listed.has(type) || container.isBound(token)) return container.get<T>(token)
  const services = reachableServices(listedServices([type])).filter(({ marks }) => marks.service)
  if (isOfStore(type)) throw new WaybillError('NO_STORE', `app.get asks for ${describeToken(type)}, ${noStore}`)
  if (!services.some(({ isListed }) => isListed))
    throw new WaybillError('NOT_BOUND', `${describeToken(type)} is neither marked @Service nor bound in \`modules\`. Mark it @Service(), or bind it.`)

  const added = services.filter((service) => !container.isBound(service.type))
  const known = new Set<unknown>(added.map((service) => service.type))
  const isBound = (wanted: unknown, options: GetOptions): boolean => known.has(wanted) || container.isBound(wanted as ServiceIdentifier, options)
  const faults = [...added.flatMap(checkConstructor), ...checkInjections(added, isBound)]
  if (faults.length > 0) throw new ConfigError(faults)
  for (const service of added) maker.bind(service)

  return container.get<T>(token)
}

async function loadModules(container: Container, modules: readonly Module[]): Promise<readonly Fault[]> {
  const faults: Fault[] = []
  for (const [i, module] of modules.entries()) {
    try {
      await container.loadAsync(module)
    } catch (error) {
      faults.push({ code: 'MODULE', message: `createApp: \`modules[${i}]\` threw while it was loaded: ${error instanceof Error ? error.message : describeFound(error)}` })
    }
  }

  return faults
}

function boundTwice({ label, marks }: MarkedService): Fault {
  const [listener] = marks.listeners
  const reason = listener ? `, so it is unclear which instance ${label}.${String(listener.method)} belongs to` : ''

  return {
    code: 'BOUND_TWICE',
    message: `${label} is marked @Service and also bound in \`modules\`${reason}. Remove the binding: a @Service class is bound by itself, as a singleton.`,
  }
}

function cycleThroughModule(path: readonly MarkedService[]): Fault {
  return {
    code: 'CYCLE',
    message: `These services need each other through a binding in \`modules\`: ${path.map(({ label }) => label).join(' → ')}. Let a third class hold what both need.`,
  }
}
