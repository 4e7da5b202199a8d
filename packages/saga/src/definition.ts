import { type Duration, type Fault, parseDuration, unknownOptions } from '@waybill/core'
import { checkFlow } from './check-flow.js'
import { graphOf, type SagaFlow } from './flow.js'
import { type FlowGraph, heardBy, type MessageClass, sentBy, type State } from './graph.js'

// biome-ignore lint/suspicious/noExplicitAny: any is what a constraint over every class is
export type SagaClass = new (...args: any[]) => { readonly flow: SagaFlow }

export interface SagaOptions {
  /** Of the flow. A saga that runs keeps the one it was started with. */
  readonly version: number
  /** After which a saga that is not past its pivot is undone; one that is raises an alarm. Default: none. */
  readonly deadline?: Duration
  /** Classes of earlier versions, of the same name, by which sagas that were started with them go on. */
  readonly earlier?: readonly SagaClass[]
  /** Makes what a saga of an earlier version knows into what one of this version knows, by the version it comes from: it goes on with this version, where that has every step which it has begun. */
  // biome-ignore lint/suspicious/noExplicitAny: the state of a version that no longer has a type
  readonly migrate?: Readonly<Record<number, (state: any) => object>>
}

/** What a class marked `@Saga` says, found without an app. */
export interface SagaDefinition {
  readonly name: string
  readonly version: number
  readonly deadlineMs: number | undefined
  readonly type: SagaClass
  readonly earlier: readonly SagaDefinition[]
  readonly migrate: Readonly<Record<number, (state: State) => State>>
  /** Of an instance without its dependencies: for its shape, not to be called. */
  readonly graph: FlowGraph | undefined
  readonly faults: readonly Fault[]
}

const definitions = new WeakMap<object, SagaDefinition>()

export function definitionOfSaga(type: unknown): SagaDefinition | undefined {
  return typeof type === 'function' ? definitions.get(type) : undefined
}

/** Never throws: what is wrong is kept, and reported at `start`. */
export function defineSaga(name: string, options: SagaOptions, type: SagaClass): SagaDefinition {
  const title = `@Saga(${JSON.stringify(name)}) on ${type.name}`
  const faults: Fault[] = unknownOptions(title, options, ['version', 'deadline', 'earlier', 'migrate'])
  const complain = (code: string, message: string): void => void faults.push({ code, message: `${title}: ${message}` })
  if (!Number.isSafeInteger(options.version) || options.version < 1) complain('VERSION', `"version" is a positive whole number; found ${String(options.version)}. Count from 1.`)
  const deadlineMs = options.deadline === undefined ? undefined : parseDuration(options.deadline)
  if (options.deadline !== undefined && !deadlineMs) complain('DURATION', `"deadline" is a duration such as "15m"; found ${JSON.stringify(options.deadline)}.`)
  const graph = shapeOf(type, complain)
  const made: SagaDefinition = {
    name,
    version: options.version,
    deadlineMs,
    type,
    earlier: withWays(earlierOf(name, options, complain), options, complain),
    migrate: (options.migrate ?? {}) as SagaDefinition['migrate'],
    graph,
    faults: graph ? [...faults, ...checkFlow(name, graph)] : faults,
  }
  definitions.set(type, made)

  return made
}

/** Every version that an app can go on with, the current one first. */
export function versionsOf(definition: SagaDefinition): readonly SagaDefinition[] {
  return [definition, ...definition.earlier]
}

/** What a class marked `@Saga` hears and sends, all its versions together. */
export interface SagaMessages {
  readonly saga: string
  readonly heard: readonly MessageClass[]
  readonly sent: readonly MessageClass[]
}

/** Undefined for a class that is no saga, or whose flow cannot be read. */
export function messagesOfSaga(type: SagaClass): SagaMessages | undefined {
  const definition = definitionOfSaga(type)

  return definition?.graph && { saga: definition.name, ...messagesOf(definition) }
}

export function messagesOf(definition: SagaDefinition): { readonly heard: readonly MessageClass[]; readonly sent: readonly MessageClass[] } {
  const graphs = versionsOf(definition).flatMap(({ graph }) => graph ?? [])

  return { heard: [...new Set(graphs.flatMap(heardBy))], sent: [...new Set(graphs.flatMap(sentBy))] }
}

type Complain = (code: string, message: string) => void

function earlierOf(name: string, { version, earlier = [] }: SagaOptions, complain: Complain): readonly SagaDefinition[] {
  const found = earlier.flatMap((type) => definitionOfSaga(type) ?? [])
  if (found.length < earlier.length) complain('SAGA_VERSION', '"earlier" names classes marked @Saga, defined above; found something else in it.')
  for (const one of found) {
    if (one.name !== name || one.version >= version)
      complain('SAGA_VERSION', `"earlier" names lower versions of the same saga; found version ${one.version} of "${one.name}". Raise "version", or remove it.`)
  }

  return found
}

/** Each way from one version to the next leads to code that goes on. */
function withWays(earlier: readonly SagaDefinition[], { version, migrate = {} }: SagaOptions, complain: Complain): readonly SagaDefinition[] {
  const froms = Object.keys(migrate).map(Number)
  const isKnown = (to: number): boolean => to === version || (to < version && (froms.includes(to) || earlier.some((one) => one.version === to)))
  for (const from of froms.filter((one) => !isKnown(one + 1)))
    complain(
      'SAGA_VERSION',
      `"migrate" brings sagas of version ${from} to version ${from + 1}, which is neither "version", nor in "earlier", nor brought further. Go on up to version ${version}, or remove it.`,
    )

  return earlier
}

/** The flow of an instance whose dependencies are not there yet: a flow is written in the class, and uses them only in its functions. */
function shapeOf(type: SagaClass, complain: Complain): FlowGraph | undefined {
  try {
    const graph = graphOf(new type(...Array.from({ length: type.length }, absent)).flow)
    if (!graph) complain('SAGA_FLOW', 'its field "flow" is what startedBy(…)…ends(…) returns; found something else. End the flow by `ends`.')

    return graph
  } catch (error) {
    complain(
      'SAGA_FLOW',
      `its flow could not be read: ${error instanceof Error ? error.message : String(error)} A flow is read before the dependencies are there: use them in its functions, not in the constructor.`,
    )

    return undefined
  }
}

/** Stands for a dependency. It can be kept, and not used. */
function absent(_: unknown, index: number): object {
  const refuse = (): never => {
    throw new Error(`Parameter ${index + 1} of the constructor is used while the flow is read.`)
  }

  return new Proxy(refuse, { get: refuse, set: refuse, apply: refuse, has: refuse })
}
