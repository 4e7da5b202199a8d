import { channel } from 'node:diagnostics_channel'
import {
  DeadLetter,
  header,
  Ignore,
  type ListenCall,
  type LoadedSaga,
  type PluginHost,
  type PluginTransactions,
  type SagaEvent,
  type StoreTransaction,
  type Timer,
  WaybillError,
} from '@waybill/core'
import { type FlowGraph, type MessageClass, type StepPlan, stepsOf, type UnknownPolicy } from './graph.js'
import { handOn, type Heard, heardOf, OtherVersion } from './handing.js'
import { type Contexts, Instance, type Kept, type Origin, timerTarget } from './instance.js'
import { type Handover, settledOf, type Settlement, SagaStuck } from './notice.js'
import { type Order, Orders, type Wake } from './orders.js'
import { Progress } from './progress.js'
import type { Versions } from './versions.js'

const events = channel('waybill:saga')

export type Head = ListenCall['heads'][number]

/** What is done to a saga that was loaded and locked. */
export type Act = (progress: Progress, saga: Instance, graph: FlowGraph) => void

/** Runs the sagas of one name: each event in one transaction. */
export class Engine {
  readonly name: string
  readonly versions: Versions
  readonly #host: PluginHost
  readonly #transactions: PluginTransactions

  constructor(versions: Versions, host: PluginHost, transactions: PluginTransactions) {
    this.name = versions.current.definition.name
    this.versions = versions
    this.#host = host
    this.#transactions = transactions
  }

  /** A message that the saga listens to, in the transaction of its listener. */
  async hear(message: object, head: Head | undefined): Promise<void> {
    const heard = heardOf(this.name, message, textOf(head?.envelope.causationId), this.versions.graphs)
    try {
      await this.#hear(heard, head)
    } catch (error) {
      const next = error instanceof OtherVersion ? handOn(heard) : undefined
      if (!next) throw error
      this.#host.log.warn(`${messageOf(error)} What came for it is handed on to another process, in ${next.delayMs} ms.`)
      await this.#host.publish([new (settledOf(this.name))({ handed: next.what })], { delay: `${next.delayMs}ms` })
    }
  }

  async #hear({ message, causationId }: Heard, head: Head | undefined): Promise<void> {
    if (message.constructor === settledOf(this.name)) return this.#settled(message as unknown as Settlement | Handover)
    if (causationId !== undefined && this.#isReply(message) && (await this.#reply(message, causationId))) return
    const { start } = this.versions.current.graph
    if (isA(message, start.message)) return this.#start(message, originOf(head))
    for (const graph of this.versions.graphs) {
      const cancel = graph.cancels.find((one) => isA(message, one.message))
      if (cancel) return this.#cancel(idFrom(this.name, cancel.id(message)), message, cancel.unknown)
    }
    // A reply to somebody else's command passes by.
  }

  /** In the transaction that takes the timer out of the store. */
  async fired({ subject, payload }: Timer): Promise<void> {
    const { kind, attempt }: Wake = JSON.parse(Buffer.from(payload).toString())
    await this.change(subject, (progress, _saga, graph) => {
      if (kind === 'deadline') return progress.overdue()
      const [phase, ...name] = kind.split('/')
      const step = stepOf(graph, name.join('/'))
      if (step) progress.elapsed(step, phase === 'undo' ? 'undo' : 'do', attempt)
    })
  }

  /** Loads and locks a saga, acts on it, and writes what became of it. False: there is none, or it is over. */
  async change(id: string, act: Act): Promise<boolean> {
    return this.#transactions.use(async (transaction) => {
      const loaded = this.#loaded(await transaction.sagas.load(this.name, id))
      if (!loaded || loaded.saga.isOver) return false
      await this.#act(transaction, loaded.saga, loaded.graph, act)

      return true
    })
  }

  async #start(message: object, { correlationId, traceparent, contexts }: Origin): Promise<void> {
    const { definition, graph } = this.versions.current
    const id = idFrom(this.name, graph.start.id(message))
    const now = this.#host.runtime.now()
    const deadlineAt = definition.deadlineMs === undefined ? undefined : now + definition.deadlineMs
    const row = {
      name: this.name,
      id,
      definition: definition.version,
      status: 'running',
      step: undefined,
      state: JSON.stringify({ data: graph.start.state(message), correlationId, contexts } satisfies Kept),
      version: 1,
      startedAt: now,
      updatedAt: now,
      deadlineAt,
      trace: traceparent,
    }
    await this.#transactions.use(async (transaction) => {
      if (!(await transaction.sagas.insert(row, []))) return this.#startedAgain(transaction, id)
      await this.#act(transaction, new Instance({ saga: row, steps: [] }, now), graph, (progress, saga) => {
        saga.note('started', { by: graph.start.message.messageName, definition: definition.version })
        progress.begin(definition.deadlineMs)
      })
      this.#tell('started')
    })
  }

  /** Once started stays started: also one that is over does not start again. */
  #startedAgain(transaction: StoreTransaction, id: string): Promise<void> {
    return this.#note(transaction, id, 'started again, ignored')
  }

  async #cancel(id: string, message: object, unknown: UnknownPolicy): Promise<void> {
    const name = nameOf(message)
    await this.#transactions.use(async (transaction) => {
      const loaded = this.#loaded(await transaction.sagas.load(this.name, id))
      if (!loaded) throw notStarted(`"${name}" cancels the saga "${this.name}" "${id}", which was not started, or not yet.`, unknown)
      if (loaded.saga.isOver) return this.#note(transaction, id, 'cancelled too late, ignored')
      await this.#act(transaction, loaded.saga, loaded.graph, (progress, saga) => {
        const isTurned = progress.turnBack({ step: this.name, code: 'CANCELLED', message: `"${name}" cancelled it.` }, 'wait')
        if (!isTurned) saga.note('cancelled too late, ignored')
      })
    })
  }

  #isReply(message: object): boolean {
    return this.versions.graphs.some((graph) => stepsOf(graph).some((step) => hears(step, message)))
  }

  /** False: it is no reply to a command of these sagas. */
  async #reply(message: object, commandId: string): Promise<boolean> {
    return this.#transactions.use(async (transaction) => {
      const loaded = this.#loaded(await transaction.sagas.loadBy(this.name, commandId))
      if (!loaded) return false
      const { saga, graph } = loaded
      const step = stepOf(graph, saga.stepBy(commandId)?.step ?? '')
      if (!step || !hears(step, message)) return true
      if (saga.isOver) await this.#note(transaction, saga.id, 'late reply', { step: step.name, reply: nameOf(message) })
      else await this.#act(transaction, saga, graph, (progress) => applyReply(progress, saga, step, message))

      return true
    })
  }

  async #settled(said: Settlement | Handover): Promise<void> {
    if ('handed' in said) throw new OtherVersion('MISSING_DEFINITION', `No version of the saga "${this.name}" that this app has listens to "${said.handed.type}".`)
    const { commandId, failure, withdrawn } = said
    if (typeof commandId !== 'string') throw new DeadLetter('It names no command.')
    await this.#transactions.use(async (transaction) => {
      const loaded = this.#loaded(await transaction.sagas.loadBy(this.name, commandId))
      const found = loaded?.saga.stepBy(commandId)
      const step = loaded && found && stepOf(loaded.graph, found.step)
      if (!step || loaded.saga.isOver) return
      await this.#act(transaction, loaded.saga, loaded.graph, (progress) => {
        if (failure) progress.failed(step, found.phase, { code: String(failure.code), message: String(failure.message) })
        else if (withdrawn) progress.withdrawn(step)
        else if (found.phase === 'undo') progress.undone(step)
        else if (step.done.length === 0) progress.done(step, {})
      })
    })
  }

  #loaded(found: LoadedSaga | undefined): { readonly saga: Instance; readonly graph: FlowGraph } | undefined {
    if (!found) return undefined
    const saga = new Instance(found, this.#host.runtime.now())

    return { saga, graph: this.versions.graphFor(saga) }
  }

  async #act(transaction: StoreTransaction, saga: Instance, graph: FlowGraph, act: Act): Promise<void> {
    const orders = new Orders(graph, saga, this.#host.runtime.now())
    act(new Progress(graph, saga, orders), saga, graph)
    await saga.save(transaction.sagas)
    if (events.hasSubscribers) for (const what of saga.news) this.#tell(what)
    for (const order of orders.all) await this.#send(order, saga.origin)
  }

  async #send({ message, id, headers }: Order, { contexts, ...origin }: Origin): Promise<void> {
    if (message instanceof SagaStuck) this.#host.log.error(`The saga "${message.saga}" "${message.id}" is stuck at "${message.step}": ${message.reason} It is tried on.`)
    await this.#host.publish([message], { id }, { headers: { ...contexts, ...headers }, origin })
  }

  #tell(what: SagaEvent['what']): void {
    if (!events.hasSubscribers) return
    const { app } = this.#host
    this.#transactions.current()?.onCommitted(() => events.publish({ app, saga: this.name, what } satisfies SagaEvent))
  }

  #note({ sagas }: StoreTransaction, id: string, kind: string, more: object = {}): Promise<void> {
    return sagas.append(this.name, id, [{ at: this.#host.runtime.now(), event: JSON.stringify({ kind, ...more }) }])
  }

  get target(): string {
    return timerTarget(this.name)
  }
}

function originOf(head: Head | undefined): Origin {
  const { id, correlationId, traceparent } = head?.envelope ?? {}

  return { correlationId: textOf(correlationId) ?? textOf(id), traceparent: textOf(traceparent), contexts: contextsOf(head?.headers ?? {}) }
}

/** As they came: who asks for one checks it. */
function contextsOf(headers: Head['headers']): Contexts | undefined {
  const found = Object.entries(headers).filter((entry): entry is [string, string] => entry[0].startsWith(header.context) && typeof entry[1] === 'string')

  return found.length > 0 ? Object.fromEntries(found) : undefined
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 255 ? value : undefined
}

export function stepOf(graph: FlowGraph, name: string): StepPlan | undefined {
  return stepsOf(graph).find((step) => step.name === name)
}

function hears(step: StepPlan | undefined, message: object): boolean {
  return step !== undefined && [...step.done, ...step.refused].some((one) => isA(message, one.message))
}

function applyReply(progress: Progress, saga: Instance, step: StepPlan, message: object): void {
  const done = step.done.find((one) => isA(message, one.message))
  if (done) return void progress.done(step, done.learn(message, saga.data))
  const refused = step.refused.find((one) => isA(message, one.message))
  if (refused) progress.refused(step, refused.why(message))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function notStarted(what: string, unknown: UnknownPolicy): Error {
  if (unknown === 'ignore') return new Ignore(what)
  if (unknown === 'deadLetter') return new DeadLetter(`${what} Its flow wants it kept here at once.`)

  return new WaybillError('UNKNOWN_SAGA', `${what} It is tried again, and then kept as a dead letter.`)
}

/** Also of a class that extends it. */
function isA(message: object, type: MessageClass): boolean {
  return nameOf(message) === type.messageName
}

function nameOf(message: object): string {
  return (message.constructor as Partial<MessageClass>).messageName ?? message.constructor.name
}

function idFrom(saga: string, id: unknown): string {
  if (typeof id === 'string' && id !== '' && Buffer.byteLength(id) <= 255) return id
  throw new DeadLetter(`The id of a saga "${saga}" is a text of 1 to 255 bytes; this message gives another. Mend the "id" of its flow.`)
}
