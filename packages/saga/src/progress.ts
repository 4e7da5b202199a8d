import { type Failure, type FlowGraph, type State, type StepPlan, stepsOf } from './graph.js'
import type { Instance, Phase } from './instance.js'
import type { Orders } from './orders.js'
import { hasNoWayBack, mostTries, patienceMs, waitMs } from './tries.js'

/** How much is waited for before everything is undone: for all answers, for none but what has no way back, or for nothing. */
export type Patience = 'wait' | 'abandon' | 'force'

/** What happens to one saga because of one event. It only writes down: nothing of it is done before the transaction commits. */
export class Progress {
  readonly #graph: FlowGraph
  readonly #saga: Instance
  readonly #orders: Orders

  constructor(graph: FlowGraph, saga: Instance, orders: Orders) {
    this.#graph = graph
    this.#saga = saga
    this.#orders = orders
  }

  begin(deadlineMs: number | undefined): void {
    if (deadlineMs !== undefined) this.#orders.wake('deadline', deadlineMs)
    this.#enter(0)
  }

  /** A reply ended the step. False: nobody waits for it any more. */
  done(step: StepPlan, learned: State): boolean {
    if (!this.#isOpen(step)) return this.#late('done', step)
    this.#saga.data = { ...this.#saga.data, ...learned }
    this.#orders.letSleep(`do/${step.name}`)
    this.#saga.put('do', step.name, { status: 'done', result: learned, deadlineAt: undefined })
    this.#saga.note('done', { step: step.name, learned })
    this.#settle()

    return true
  }

  refused(step: StepPlan, message: string): boolean {
    if (!this.#isOpen(step)) return this.#late('refused', step)
    const failure = { code: 'REFUSED', message }
    this.#orders.letSleep(`do/${step.name}`)
    this.#saga.put('do', step.name, { status: 'refused', failure, deadlineAt: undefined })
    this.#saga.note('refused', { step: step.name, message })
    if (!this.turnBack({ step: step.name, ...failure }, 'wait')) this.#settle()

    return true
  }

  /** The participant's app says that it was not done, and will not be. */
  withdrawn(step: StepPlan): void {
    if (!this.#isOpen(step)) return
    this.#orders.letSleep(`do/${step.name}`)
    this.#saga.put('do', step.name, { status: 'withdrawn', deadlineAt: undefined })
    this.#saga.note('withdrawn', { step: step.name })
    this.#settle()
  }

  /** The participant's app says that no try of its own can do it. */
  failed(step: StepPlan, phase: Phase, failure: Omit<Failure, 'step'>): void {
    if (this.#saga.statusOf(phase, step.name) !== 'sent') return
    this.#saga.note('failed', { step: step.name, phase, ...failure })
    if (phase === 'undo') return this.#undoFailed(step, failure)
    this.#doFailed(step, { code: 'FAILED', message: failure.message }, waitMs(step, this.#attempt('do', step)))
  }

  undone(step: StepPlan): void {
    if (this.#saga.statusOf('undo', step.name) === 'done' || !this.#saga.step('undo', step.name)) return
    this.#orders.letSleep(`undo/${step.name}`)
    this.#saga.put('undo', step.name, { status: 'done', deadlineAt: undefined })
    this.#saga.note('undone', { step: step.name })
    this.#settle()
  }

  /** The time of a try is over. One of an earlier try means nothing. */
  elapsed(step: StepPlan, phase: Phase, attempt: number): void {
    const known = this.#saga.step(phase, step.name)
    if (known?.attempt !== attempt) return
    if (known.status === 'waiting') return this.resend(step, phase)
    if (known.status !== 'sent') return
    this.#saga.note('timed out', { step: step.name, phase })
    const failure = { code: 'TIMEOUT', message: `Nobody answered try ${attempt} in time.` }
    if (phase === 'undo') return this.#undoLate(step, failure)
    if (step.within?.otherwise !== 'undo' || this.#saga.why) return this.#doFailed(step, failure, 0)
    this.#unsure(step, failure)
    this.turnBack({ step: step.name, ...failure }, 'wait')
  }

  /** The deadline of the whole. */
  overdue(): void {
    const failure = { step: this.#saga.saga, code: 'DEADLINE', message: 'Its deadline has passed.' }
    this.#saga.note('deadline')
    if (!this.turnBack(failure, 'abandon')) this.#alarm(this.#saga.row.step ?? this.#saga.saga, failure)
  }

  /** Sends the same command once more, under the same id. */
  resend(step: StepPlan, phase: Phase): void {
    const attempt = this.#attempt(phase, step) + 1
    if (phase === 'do') this.#send(step, attempt)
    else this.#sendUndo(step, attempt)
  }

  /** Undoes everything. False: it cannot be undone any more, or is already. */
  turnBack(why: Failure, patience: Patience): boolean {
    if (this.#saga.isOver || this.#saga.why || this.isPast) return false
    this.#saga.why = why
    this.#saga.note('turned back', why)
    for (const step of this.#stage) {
      const status = this.#saga.statusOf('do', step.name)
      const isKept = hasNoWayBack(step) && patience !== 'force'
      if (!isKept && (status === 'waiting' || (status === 'sent' && patience !== 'wait'))) this.#unsure(step, why)
    }
    this.#settle()

    return true
  }

  /** An operator says that it is done. */
  skip(step: StepPlan, phase: Phase, result: State): void {
    this.#saga.note('skipped by an operator', { step: step.name, phase, result })
    if (phase === 'undo') this.undone(step)
    else this.done(step, result)
  }

  /** Behind the pivot there is only forward. */
  get isPast(): boolean {
    return this.#graph.stages.some((stage) => stage.some(({ name, isPivot, isForward }) => (isPivot || isForward) && this.#saga.statusOf('do', name) === 'done'))
  }

  get #place(): number {
    return this.#graph.stages.findLastIndex((stage) => stage.some(({ name }) => this.#saga.step('do', name)))
  }

  get #stage(): readonly StepPlan[] {
    return this.#graph.stages[this.#place] ?? []
  }

  #enter(from: number): void {
    const next = this.#graph.stages.slice(from).find((stage) => this.#choose(stage))
    if (!next) this.#finish('completed')
  }

  /** False: no step of it is to run. */
  #choose(stage: readonly StepPlan[]): boolean {
    const chosen = stage.filter(({ condition }) => condition?.(this.#saga.data) ?? true)
    for (const { name } of stage.filter((step) => !chosen.includes(step))) {
      this.#saga.put('do', name, { status: 'skipped' })
      this.#saga.note('skipped', { step: name })
    }
    this.#saga.standAt(chosen[0]?.name)
    for (const step of chosen) this.#send(step, 1)

    return chosen.length > 0
  }

  /** Goes on, forward or back, when every step of the stage is decided. */
  #settle(): void {
    const all = this.#stage.map(({ name }) => this.#saga.statusOf('do', name))
    if (!this.#isStillStuck) this.#saga.status = this.#saga.why ? 'compensating' : 'running'
    if (all.some((status) => status === 'sent' || status === 'waiting')) return
    if (this.#saga.why && !this.isPast) return this.#back()
    if (this.#saga.why) this.#saga.note('too late', this.#saga.why)
    this.#saga.why = undefined
    this.#saga.status = 'running'
    this.#enter(this.#place + 1)
  }

  #back(): void {
    for (let place = this.#place; place >= 0; place--) {
      const left = (this.#graph.stages[place] ?? []).filter((step) => this.#isToUndo(step))
      if (left.length === 0) continue
      this.#saga.standAt(left[0]?.name)
      for (const step of left) if (!this.#saga.step('undo', step.name)) this.#takeBack(step)
      return
    }
    this.#finish('compensated')
  }

  #isToUndo({ name, undo }: StepPlan): boolean {
    const status = this.#saga.statusOf('do', name)

    return typeof undo === 'object' && (status === 'done' || status === 'unsure') && this.#saga.statusOf('undo', name) !== 'done'
  }

  /** Of what may have happened, and whose undo needs its reply: whoever takes the command says that it did not, or its reply comes. */
  #takeBack(step: StepPlan): void {
    const isKnown = this.#saga.statusOf('do', step.name) === 'done' || this.#orders.canUndo(step)
    if (isKnown) return this.#sendUndo(step, 1)
    const attempt = this.#attempt('do', step)
    this.#withdraw(step, attempt + 1)
    if (attempt >= mostTries(step, 'do')) this.#alarm(step.name, { code: 'UNSURE', message: 'Nobody says whether it happened, and its undo needs to know what it did.' })
  }

  #withdraw(step: StepPlan, attempt: number): void {
    const commandId = this.#orders.withdrawal(step)
    const deadlineAt = this.#orders.wake(`do/${step.name}`, patienceMs(attempt), attempt)
    this.#saga.put('do', step.name, { status: 'sent', attempt, commandId, deadlineAt })
    this.#saga.note('withdrawal sent', { step: step.name, attempt, commandId })
  }

  #send(step: StepPlan, attempt: number): void {
    const ms = step.within?.ms
    const commandId = this.#orders.command(step)
    const deadlineAt = ms === undefined ? undefined : this.#orders.wake(`do/${step.name}`, ms, attempt)
    this.#saga.put('do', step.name, { status: 'sent', attempt, commandId, deadlineAt })
    this.#saga.note('sent', { step: step.name, attempt, commandId, command: step.command.message.messageName })
  }

  #sendUndo(step: StepPlan, attempt: number): void {
    const commandId = this.#orders.undo(step)
    const deadlineAt = this.#orders.wake(`undo/${step.name}`, patienceMs(attempt), attempt)
    this.#saga.put('undo', step.name, { status: 'sent', attempt, commandId, deadlineAt })
    this.#saga.note('undo sent', { step: step.name, attempt, commandId })
  }

  #doFailed(step: StepPlan, failure: Omit<Failure, 'step'>, ms: number): void {
    const attempt = this.#attempt('do', step)
    const keepsTrying = step.isForward || hasNoWayBack(step)
    if (keepsTrying || (!this.#saga.why && attempt < step.retry.attempts)) {
      this.#waitFor(step, 'do', failure, ms)
      if (attempt >= mostTries(step, 'do')) this.#alarm(step.name, failure)
      return
    }
    this.#unsure(step, failure)
    if (!this.turnBack({ step: step.name, ...failure }, 'wait')) this.#settle()
  }

  #undoFailed(step: StepPlan, failure: Omit<Failure, 'step'>): void {
    const attempt = this.#attempt('undo', step)
    this.#waitFor(step, 'undo', failure, Math.min(1_000 * 2 ** (attempt - 1), 300_000))
    if (attempt >= mostTries(step, 'undo')) this.#alarm(step.name, failure)
  }

  #undoLate(step: StepPlan, failure: Omit<Failure, 'step'>): void {
    const attempt = this.#attempt('undo', step)
    this.resend(step, 'undo')
    if (attempt >= mostTries(step, 'undo')) this.#alarm(step.name, failure)
  }

  #waitFor(step: StepPlan, phase: Phase, failure: Omit<Failure, 'step'>, ms: number): void {
    if (ms === 0) return this.resend(step, phase)
    const deadlineAt = this.#orders.wake(`${phase}/${step.name}`, ms, this.#attempt(phase, step))
    this.#saga.put(phase, step.name, { status: 'waiting', failure, deadlineAt })
  }

  #unsure(step: StepPlan, failure: Omit<Failure, 'step'>): void {
    this.#orders.letSleep(`do/${step.name}`)
    this.#saga.put('do', step.name, { status: 'unsure', failure: { code: failure.code, message: failure.message }, deadlineAt: undefined })
    this.#saga.note('unsure', { step: step.name })
  }

  #alarm(step: string, { code, message }: Omit<Failure, 'step'>): void {
    if (this.#saga.status === 'stuck' || this.#saga.isOver) return
    this.#saga.status = 'stuck'
    this.#saga.note('stuck', { step, code, message })
    this.#orders.alarm(step, `${code}: ${message}`)
  }

  #finish(status: 'completed' | 'compensated'): void {
    this.#saga.status = status
    this.#saga.standAt(undefined)
    this.#saga.note(status)
    this.#orders.end(status)
  }

  /** As long as what raised the alarm is tried: what is answered beside it makes that no better. */
  get #isStillStuck(): boolean {
    if (this.#saga.status !== 'stuck') return false

    return stepsOf(this.#graph).some((step) => (['do', 'undo'] as const).some((phase) => this.#failures(step, phase) >= mostTries(step, phase)))
  }

  /** Tries that failed of what is still tried. */
  #failures(step: StepPlan, phase: Phase): number {
    const known = this.#saga.step(phase, step.name)
    if (known?.status === 'sent') return known.attempt - 1
    const isWithdrawn = known?.status === 'unsure' && this.#isToUndo(step) && !this.#saga.step('undo', step.name)

    return known && (known.status === 'waiting' || isWithdrawn) ? known.attempt : 0
  }

  #isOpen({ name }: StepPlan): boolean {
    const status = this.#saga.statusOf('do', name)

    return !this.#saga.isOver && this.#saga.step('undo', name) === undefined && (status === 'sent' || status === 'waiting' || status === 'unsure')
  }

  #late(kind: string, { name }: StepPlan): false {
    this.#saga.note('late reply', { step: name, reply: kind })

    return false
  }

  #attempt(phase: Phase, { name }: StepPlan): number {
    return this.#saga.step(phase, name)?.attempt ?? 1
  }
}
