import type { Fault, Named } from '@waybill/core'
import { type Failure, type FlowGraph, type MessageClass, type State, type StepPlan, unknownPolicies, type UnknownPolicy } from './graph.js'
import { type Build, type ForwardSending, type ForwardStep, type Payload, planStep, type Step, type Stored } from './step.js'

// biome-ignore lint/suspicious/noExplicitAny: any is what a constraint over every step is
type AnyBuild<S extends object> = Build<S, any>
// biome-ignore lint/suspicious/noExplicitAny: any is what a constraint over every step is
type All<T> = { [K in keyof T]: T[K] extends (...args: any[]) => Step<any, infer P> ? (x: P) => void : never }[keyof T] extends (x: infer I) => void ? I : never

/** A process, written from top to bottom. What a step learns, the steps below it know. */
export interface Flow<S extends object> {
  step<P>(name: string, build: Build<S, P>): Flow<S & P>
  /** Runs only if the condition holds; what it learns may be missing. */
  stepIf<P>(name: string, condition: (state: S) => boolean, build: Build<S, P>): Flow<S & Partial<P>>
  /** Steps side by side, that do not see each other. The flow goes on when all are done. */
  together<T extends Record<string, AnyBuild<S>>>(steps: T): Flow<S & All<T>>
  /** The point of no return: later steps are tried until they succeed. */
  pivot<P>(name: string, build: Build<S, P>): Forward<S & P>
  /** A message that undoes the saga while it can still be undone. */
  cancelledBy<M extends Named<'event' | 'command'>>(message: M, id: (message: InstanceType<M>) => string, options?: CancelOptions): Flow<S>
  ends: Ends<S>
}

export interface CancelOptions {
  /**
   * What becomes of it where no saga of that id was started: `wait` tries it again as the listener's retries say, as the start may come yet, and then keeps it as a
   * dead letter; `deadLetter` keeps it at once; `ignore` lets it pass by. Default: `wait`.
   */
  readonly unknown?: UnknownPolicy
}

/** A process behind its pivot. */
export interface Forward<S extends object> {
  step<P>(name: string, build: (step: ForwardSending<S>) => ForwardStep<S, P>): Forward<S & P>
  ends: Ends<S>
}

export type Ends<S extends object> = <M extends Named<'event'>, U extends Named<'event'>>(ends: {
  readonly completed: readonly [M, (state: S) => Payload<M>]
  readonly compensated: readonly [U, (state: Partial<S>, why: Failure) => Payload<U>]
}) => SagaFlow

/** A flow that ends. */
export interface SagaFlow {
  readonly ends: true
}

/** Begins a flow: the message that starts a saga, the id of the saga that it starts, and what that saga knows at first. */
export function startedBy<M extends Named<'event' | 'command'>, S extends object>(
  message: M,
  begin: { readonly id: (message: InstanceType<M>) => string; readonly state: (message: InstanceType<M>) => S & Stored<S> },
): Flow<S> {
  return new FlowWriter({ message, ...begin } as unknown as FlowGraph['start']) as unknown as Flow<S>
}

const graphs = new WeakMap<object, FlowGraph>()

/** What a flow says; undefined for what no builder made, or what does not end. */
export function graphOf(flow: unknown): FlowGraph | undefined {
  return typeof flow === 'object' && flow !== null ? graphs.get(flow) : undefined
}

class FlowWriter {
  readonly #start: FlowGraph['start']
  readonly #cancels: FlowGraph['cancels'][number][] = []
  readonly #stages: (readonly StepPlan[])[] = []
  readonly #faults: Fault[] = []
  #isForward = false

  constructor(start: FlowGraph['start']) {
    this.#start = start
  }

  step(name: string, build: unknown): this {
    return this.#stage([this.#plan(name, build)])
  }

  stepIf(name: string, condition: StepPlan['condition'], build: unknown): this {
    return this.#stage([this.#plan(name, build, { condition })])
  }

  together(steps: Readonly<Record<string, unknown>>): this {
    if (Object.keys(steps).length === 0) this.#faults.push({ code: 'SAGA_STEP', message: '`together` names no step. Give it at least one: together({ pay: (step) => … }).' })

    return this.#stage(Object.entries(steps).map(([name, build]) => this.#plan(name, build)))
  }

  pivot(name: string, build: unknown): this {
    this.#stage([this.#plan(name, build, { isPivot: true })])
    this.#isForward = true

    return this
  }

  cancelledBy(message: MessageClass, id: (message: object) => unknown, { unknown = 'wait' }: CancelOptions = {}): this {
    if (!unknownPolicies.includes(unknown))
      this.#faults.push({
        code: 'UNKNOWN_POLICY',
        message: `\`cancelledBy\` of "${message.messageName}": "unknown" is "wait", "deadLetter" or "ignore"; found ${JSON.stringify(unknown)}. Leave it out for "wait".`,
      })
    this.#cancels.push({ message, id, unknown })

    return this
  }

  ends({ completed, compensated }: Record<'completed' | 'compensated', readonly [MessageClass, (state: State, why: Failure) => unknown]>): SagaFlow {
    const flow: SagaFlow = Object.freeze({ ends: true })
    graphs.set(flow, {
      start: this.#start,
      cancels: this.#cancels,
      stages: this.#stages,
      completed: { message: completed[0], payload: completed[1] },
      compensated: { message: compensated[0], payload: compensated[1] },
      faults: this.#faults,
    })

    return flow
  }

  #plan(name: string, build: unknown, place: { readonly condition?: StepPlan['condition']; readonly isPivot?: boolean } = {}): StepPlan | undefined {
    const { step, faults } = planStep(name, build, { condition: place.condition, isPivot: place.isPivot ?? false, isForward: this.#isForward })
    this.#faults.push(...faults)

    return step
  }

  #stage(steps: readonly (StepPlan | undefined)[]): this {
    const known = steps.filter((step) => step !== undefined)
    if (known.length > 0) this.#stages.push(known)

    return this
  }
}
