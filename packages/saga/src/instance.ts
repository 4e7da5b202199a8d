import { createHash } from 'node:crypto'
import {
  type LoadedSaga,
  type SagaChange,
  type SagaEntry,
  type SagaEvent,
  type SagaRow,
  type SagaStep,
  type Timer,
  type TransactionSagas,
  StoreConflict,
  uuid8From,
} from '@waybill/core'
import type { Failure, State } from './graph.js'

export type Phase = SagaStep['phase']

/** `unsure`: nobody answered, so it may have happened. `withdrawn`: it did not, and will not. `waiting`: it is sent again at its time. */
export type StepStatus = 'sent' | 'waiting' | 'done' | 'refused' | 'skipped' | 'unsure' | 'withdrawn'

/** The two honest ends. */
export const ended: readonly string[] = ['completed', 'compensated']

/** Who acts for the timers of a saga. */
export function timerTarget(saga: string): string {
  return `saga.${saga}`
}

/** What the state of a row is, as JSON. */
export interface Kept {
  readonly data: State
  readonly why?: Failure | undefined
  readonly correlationId?: string | undefined
  readonly contexts?: Contexts | undefined
}

/** The headers of typed contexts: a tenant, a user. */
export type Contexts = Readonly<Record<string, string>>

/** What everything that a saga sends belongs to. */
export interface Origin {
  readonly correlationId?: string | undefined
  readonly traceparent?: string | undefined
  readonly contexts?: Contexts | undefined
}

/** One change of a step. */
export interface StepChange {
  readonly status: StepStatus
  readonly attempt?: number
  readonly commandId?: string | undefined
  readonly deadlineAt?: number | undefined
  readonly result?: State
  readonly failure?: Omit<Failure, 'step'>
}

/** One saga within a transaction: what was loaded, and what is to be written at its end. */
export class Instance {
  readonly saga: string
  readonly id: string
  status: string
  definition: number
  data: State
  /** Set while everything is undone. */
  why: Failure | undefined
  /** Of the message that started it. */
  readonly origin: Origin
  readonly #row: SagaRow
  readonly #wasTurned: boolean
  readonly #steps = new Map<string, SagaStep>()
  readonly #changed = new Map<string, SagaStep>()
  readonly #entries: SagaEntry[] = []
  readonly #armed = new Map<string, Timer>()
  readonly #cancelled = new Set<string>()
  readonly #now: number
  #at: string | undefined

  constructor({ saga: row, steps }: LoadedSaga, now: number) {
    const { data, why, correlationId, contexts }: Kept = JSON.parse(row.state)
    this.saga = row.name
    this.id = row.id
    this.status = row.status
    this.definition = row.definition
    this.data = data
    this.why = why
    this.#wasTurned = why !== undefined
    this.origin = { correlationId, traceparent: row.trace, contexts }
    this.#row = row
    this.#at = row.step
    this.#now = now
    for (const step of steps) {
      const key = keyOf(step.phase, step.step)
      if ((this.#steps.get(key)?.attempt ?? 0) <= step.attempt) this.#steps.set(key, step)
    }
  }

  get isOver(): boolean {
    return ended.includes(this.status)
  }

  /** What became of it that somebody may want to count. */
  get news(): readonly SagaEvent['what'][] {
    const turned = !this.#wasTurned && this.why ? (['compensating'] as const) : []
    const isNew = this.status !== this.#row.status && (this.isOver || this.status === 'stuck')

    return [...turned, ...(isNew ? [this.status as 'stuck' | 'completed' | 'compensated'] : [])]
  }

  /** The steps that sent their command. */
  get begun(): readonly string[] {
    return [...this.#steps.values()].filter(({ phase, commandId }) => phase === 'do' && commandId !== undefined).map(({ step }) => step)
  }

  /** The one whose last try sent that command. */
  stepBy(commandId: string): SagaStep | undefined {
    return [...this.#steps.values()].find((step) => step.commandId === commandId)
  }

  /** Its last try. */
  step(phase: Phase, name: string): SagaStep | undefined {
    return this.#steps.get(keyOf(phase, name))
  }

  statusOf(phase: Phase, name: string): string | undefined {
    return this.step(phase, name)?.status
  }

  /** Where it stands, to be listed by. */
  standAt(step: string | undefined): void {
    this.#at = step
  }

  put(phase: Phase, name: string, { failure, result, ...change }: StepChange): void {
    const known = this.step(phase, name)
    const attempt = change.attempt ?? known?.attempt ?? 1
    const fresh: SagaStep = {
      saga: this.saga,
      id: this.id,
      step: name,
      phase,
      attempt,
      status: '',
      commandId: undefined,
      deadlineAt: undefined,
      result: undefined,
      error: undefined,
    }
    // An id belongs to one try at a time: the last one.
    if (known && known.attempt < attempt) this.#change({ ...known, status: 'failed', commandId: undefined })
    this.#change({
      ...(known?.attempt === attempt ? known : fresh),
      ...change,
      attempt,
      ...(result && { result: JSON.stringify(result) }),
      ...(failure && { error: JSON.stringify(failure) }),
    })
  }

  note(kind: string, more: object = {}): void {
    this.#entries.push({ at: this.#now, event: JSON.stringify({ kind, ...more }) })
  }

  arm(timer: Timer): void {
    this.#cancelled.delete(timer.id)
    this.#armed.set(timer.id, timer)
  }

  disarm(id: string): void {
    this.#armed.delete(id)
    this.#cancelled.add(id)
  }

  /** The same part of the same saga has the same id, however often it runs. */
  idOf(part: string): string {
    const { name, id, startedAt } = this.#row

    return uuid8From(
      startedAt,
      createHash('sha256')
        .update(JSON.stringify([name, id, startedAt, part]))
        .digest(),
    )
  }

  /** The row as it is to be written. */
  get row(): SagaRow {
    const { correlationId, contexts } = this.origin
    const state = JSON.stringify({ data: this.data, why: this.why, correlationId, contexts } satisfies Kept)

    return { ...this.#row, definition: this.definition, status: this.status, step: this.#at, state, updatedAt: this.#now }
  }

  /** Writes what changed. Throws a conflict where somebody else was faster, as the whole may run again. */
  async save(sagas: TransactionSagas): Promise<void> {
    const isSaved = await sagas.save({
      saga: this.row,
      steps: [...this.#changed.values()],
      entries: this.#entries,
      arm: this.isOver ? [] : [...this.#armed.values()],
      disarm: this.#disarm,
    })
    if (!isSaved) throw new StoreConflict('SAGA_CONFLICT', `The saga "${this.saga}" "${this.id}" was changed meanwhile; nothing was done, and it can run again.`)
  }

  get #disarm(): SagaChange['disarm'] {
    if (this.isOver) return { target: timerTarget(this.saga), subject: this.id }

    return this.#cancelled.size > 0 ? { ids: [...this.#cancelled] } : undefined
  }

  #change(step: SagaStep): void {
    const key = keyOf(step.phase, step.step)
    this.#steps.set(key, step)
    const changed = `${key} ${step.attempt}`
    this.#changed.delete(changed)
    this.#changed.set(changed, step)
  }
}

function keyOf(phase: Phase, name: string): string {
  return `${phase} ${name}`
}
