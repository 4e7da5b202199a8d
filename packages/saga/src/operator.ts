import { type Duration, parseDuration, type Plugin, type PluginTransactions, type SagaEntry, type SagaRow, type SagaStep, suggest, WaybillError } from '@waybill/core'
import { dataOf, mermaidOf, type SagaGraph } from './drawing.js'
import type { Act, Engine } from './engine.js'
import type { Failure, FlowGraph, State, StepPlan } from './graph.js'
import { ended, type Instance, type Kept, type Phase, timerTarget } from './instance.js'

export type SagaStatus = 'running' | 'compensating' | 'stuck' | 'completed' | 'compensated'

/** One saga, as people look at it. */
export interface SagaView {
  readonly name: string
  readonly id: string
  /** The version of its flow. */
  readonly version: number
  readonly status: SagaStatus
  /** Where it stands. */
  readonly step: string | undefined
  readonly state: State
  /** Why it is undone. */
  readonly why: Failure | undefined
  readonly startedAt: Date
  readonly updatedAt: Date
  readonly deadlineAt: Date | undefined
  /** The `traceparent` of the message that started it. */
  readonly trace: string | undefined
}

export interface SagaDetails extends SagaView {
  readonly steps: readonly SagaStepView[]
  readonly timers: readonly { readonly id: string; readonly dueAt: Date }[]
}

export interface SagaStepView {
  readonly step: string
  readonly phase: Phase
  readonly attempt: number
  readonly status: string
  readonly commandId: string | undefined
  readonly error: Omit<Failure, 'step'> | undefined
}

/** A line of a saga's history. */
export interface SagaMoment {
  readonly at: Date
  /** `started`, `sent`, `done`, `refused`, `undone`, `stuck` … */
  readonly kind: string
  readonly [detail: string]: unknown
}

export interface SagaListing {
  readonly name?: string
  /** The sagas of every name that have this id. */
  readonly id?: string
  readonly status?: SagaStatus
  readonly step?: string
  /** Nothing has happened for so long. */
  readonly idle?: Duration
  readonly limit?: number
  /** Reads on behind that one. */
  readonly after?: SagaView
}

/** The plugin of an app's sagas, and what an operator does with them. Its verbs work while the app runs, and stand in the history of the saga. */
export interface Sagas extends Plugin {
  /** The longest unchanged first. Default limit: 100. */
  list(listing?: SagaListing): Promise<readonly SagaView[]>
  get(name: string, id: string): Promise<SagaDetails | undefined>
  /** What happened to it, oldest first. */
  timeline(name: string, id: string): Promise<readonly SagaMoment[]>
  /** Those that cannot go on by themselves, and those on which nothing has happened for `idle` (default: 1 h) though they are not over. */
  stuck(idle?: Duration): Promise<readonly SagaView[]>
  /** Sends what it waits for again, now, under the same ids: all of it, or one step. */
  retry(name: string, id: string, step?: string): Promise<boolean>
  /** Counts a step as done, with what it would have learned; or its undo as done. */
  skip(name: string, id: string, step: string, result?: State): Promise<boolean>
  /** Undoes everything now, without waiting for answers: a pivot without `undo` whose answer is out counts as not done. False: it is past its pivot, over, or undone already. */
  compensate(name: string, id: string, reason: string): Promise<boolean>
  /** Undoes everything as soon as what is under way has answered. */
  cancel(name: string, id: string, reason: string): Promise<boolean>
  /** Changes what it knows. */
  patch(name: string, id: string, change: (state: State) => State, reason: string): Promise<boolean>
  /** Brings it to the current version of its flow, as its next event would. False: it is over, or that version lacks a step which it has begun. */
  migrate(name: string, id: string): Promise<boolean>
  /** The flow as data. */
  graph(name: string): SagaGraph
  /** The flow as a Mermaid flowchart. */
  mermaid(name: string): string
  /** Removes those that ended longer ago than this. Resolves with how many. */
  purge(name: string, keep: Duration): Promise<number>
}

/** The verbs of {@link Sagas}. */
export class Operator {
  readonly #engines: ReadonlyMap<string, Engine>
  readonly #transactions: PluginTransactions

  constructor(engines: ReadonlyMap<string, Engine>, transactions: PluginTransactions) {
    this.#engines = engines
    this.#transactions = transactions
  }

  async list({ name, id, status, step, idle, limit = 100, after }: SagaListing = {}): Promise<readonly SagaView[]> {
    const idleMs = idle === undefined ? undefined : msOf('list', idle)
    const rows = await this.#transactions.store.sagas.list({ name, id, status, step, idleMs }, limit, after && rowOf(after))

    return rows.map(viewOf)
  }

  async get(name: string, id: string): Promise<SagaDetails | undefined> {
    const { sagas, timers } = this.#transactions.store
    const row = await sagas.get(name, id)
    if (!row) return undefined
    const [steps, armed] = [await sagas.steps(name, id), await timers.list({ target: timerTarget(name), subject: id }, 1_000)]

    return { ...viewOf(row), steps: steps.map(stepViewOf), timers: armed.map((timer) => ({ id: timer.id, dueAt: new Date(timer.dueAt) })) }
  }

  async timeline(name: string, id: string): Promise<readonly SagaMoment[]> {
    return (await this.#transactions.store.sagas.history(name, id)).map(momentOf)
  }

  async stuck(idle: Duration = '1h'): Promise<readonly SagaView[]> {
    const idleMs = msOf('stuck', idle)
    const { sagas } = this.#transactions.store
    const statuses = [{ status: 'stuck' }, { status: 'running', idleMs }, { status: 'compensating', idleMs }]
    const found: SagaRow[] = []
    for (const filter of statuses) found.push(...(await sagas.list(filter, 1_000)))

    return found.map(viewOf)
  }

  retry(name: string, id: string, step?: string): Promise<boolean> {
    return this.#change('retry', name, id, (progress, saga, graph) => {
      const open = step === undefined ? openOf(saga, graph) : [openStep(saga, graph, step)]
      saga.note('retried by an operator', step === undefined ? {} : { step })
      for (const one of open) progress.resend(one.step, one.phase)
    })
  }

  skip(name: string, id: string, step: string, result: State = {}): Promise<boolean> {
    return this.#change('skip', name, id, (progress, saga, graph) => {
      const open = openStep(saga, graph, step)
      progress.skip(open.step, open.phase, result)
    })
  }

  compensate(name: string, id: string, reason: string): Promise<boolean> {
    return this.#turnBack('compensate', name, id, { step: name, code: 'OPERATOR', message: reason }, 'force')
  }

  cancel(name: string, id: string, reason: string): Promise<boolean> {
    return this.#turnBack('cancel', name, id, { step: name, code: 'CANCELLED', message: reason }, 'wait')
  }

  patch(name: string, id: string, change: (state: State) => State, reason: string): Promise<boolean> {
    return this.#change('patch', name, id, (_progress, saga) => {
      const before = saga.data
      saga.data = change(before)
      saga.note('patched by an operator', { reason, before, after: saga.data })
    })
  }

  async migrate(name: string, id: string): Promise<boolean> {
    const { definition } = this.#engine('migrate', name).versions.current
    let isCurrent = false
    await this.#change('migrate', name, id, (_progress, saga) => {
      isCurrent = saga.definition === definition.version
    })

    return isCurrent
  }

  graph(name: string): SagaGraph {
    const { definition, graph } = this.#engine('graph', name).versions.current

    return dataOf(definition, graph)
  }

  mermaid(name: string): string {
    return mermaidOf(this.#engine('mermaid', name).versions.current.graph)
  }

  async purge(name: string, keep: Duration): Promise<number> {
    return this.#transactions.store.sagas.purge(this.#engine('purge', name).name, ended, msOf('purge', keep))
  }

  async #turnBack(verb: string, name: string, id: string, why: Failure, patience: 'wait' | 'force'): Promise<boolean> {
    let isTurned = false
    await this.#change(verb, name, id, (progress, saga) => {
      saga.note(`${verb} by an operator`, { reason: why.message })
      isTurned = progress.turnBack(why, patience)
    })

    return isTurned
  }

  async #change(verb: string, name: string, id: string, act: Act): Promise<boolean> {
    const engine = this.#engine(verb, name)

    return this.#transactions.run(`sagas.${verb}`, { propagation: 'new' }, () => engine.change(id, act))
  }

  #engine(verb: string, name: string): Engine {
    const found = this.#engines.get(name)
    if (found) return found

    throw new WaybillError(
      'NO_SAGA',
      `sagas.${verb} names the saga "${name}", which this app does not have.${suggest(name, this.#engines.keys())} It has: ${[...this.#engines.keys()].join(', ') || 'none'}.`,
    )
  }
}

interface Open {
  readonly step: StepPlan
  readonly phase: Phase
}

/** What it waits for. */
function openOf(saga: Instance, graph: FlowGraph): readonly Open[] {
  const isOpen = (status: string | undefined): boolean => status === 'sent' || status === 'waiting'

  return graph.stages.flat().flatMap((step) => {
    const phases: Open[] = [
      { step, phase: 'undo' },
      { step, phase: 'do' },
    ]

    return phases.filter(({ phase }) => isOpen(saga.statusOf(phase, step.name)))
  })
}

/** The step of that name that it waits for; a clear error where it does not. */
function openStep(saga: Instance, graph: FlowGraph, step: string): Open {
  const open = openOf(saga, graph).find((one) => one.step.name === step)
  if (open) return open
  const names = graph.stages.flat().map(({ name }) => name)
  if (!names.includes(step)) throw new WaybillError('UNKNOWN_STEP', `The saga "${saga.saga}" has no step "${step}".${suggest(step, names)}`)

  throw new WaybillError('STEP_NOT_OPEN', `The step "${step}" of the saga "${saga.saga}" "${saga.id}" is not under way, so there is nothing to retry or skip. Look at it by get().`)
}

function viewOf({ name, id, definition, status, step, state, startedAt, updatedAt, deadlineAt, trace }: SagaRow): SagaView {
  const { data, why }: Kept = JSON.parse(state)

  return {
    name,
    id,
    version: definition,
    status: status as SagaStatus,
    step,
    state: data,
    why,
    startedAt: new Date(startedAt),
    updatedAt: new Date(updatedAt),
    deadlineAt: deadlineAt === undefined ? undefined : new Date(deadlineAt),
    trace,
  }
}

/** As much of the row as is needed to read on behind it. */
function rowOf({ name, id, version, status, step, startedAt, updatedAt, trace }: SagaView): SagaRow {
  return { name, id, definition: version, status, step, state: '{}', version: 1, startedAt: startedAt.getTime(), updatedAt: updatedAt.getTime(), deadlineAt: undefined, trace }
}

function stepViewOf({ step, phase, attempt, status, commandId, error }: SagaStep): SagaStepView {
  return { step, phase, attempt, status, commandId, error: error === undefined ? undefined : (JSON.parse(error) as Omit<Failure, 'step'>) }
}

function momentOf({ at, event }: SagaEntry): SagaMoment {
  return { ...(JSON.parse(event) as { readonly kind: string }), at: new Date(at) }
}

function msOf(verb: string, duration: Duration): number {
  const ms = parseDuration(duration)
  if (ms !== undefined) return ms

  throw new WaybillError('DURATION', `sagas.${verb} takes a duration such as "1h"; found ${JSON.stringify(duration)}.`)
}
