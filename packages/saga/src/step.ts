import { type Contract, type Duration, type Fault, type Json, type Named, parseDuration, type PayloadOf, resolveRetry, type RetryOptions } from '@waybill/core'
import type { MessageClass, Sent, State, StepPlan } from './graph.js'

/** What is kept between two messages is JSON: a Date, a Map or a function in it is refused where it is learned. */
export type Stored<S> = S extends Json<S> ? unknown : { readonly 'state is stored as JSON': Json<S> }
declare const learned: unique symbol

type Nothing = Record<never, never>
export type Payload<M extends Named> = InstanceType<M> extends Contract ? PayloadOf<InstanceType<M>> : never

export interface Sending<S extends object> {
  /** The command that does the step; from what the saga knows. */
  send<M extends Named<'command'>>(command: M, payload: (state: S) => Payload<M>): Step<S, Nothing>
}

/** A step that can still be undone. Without `done` it is over when its command's listener has ended. */
export interface Step<S extends object, P> {
  readonly [learned]?: P
  /** The reply that ends the step, and what the saga learns from it. */
  done<M extends Named<'event'>, L extends object = Nothing>(reply: M, learn?: (reply: InstanceType<M>, state: S) => L & Stored<L>): Step<S, Nothing extends P ? L : P | L>
  /** The reply that refuses: everything done so far is undone. */
  refused<M extends Named<'event'>>(reply: M, why?: (reply: InstanceType<M>) => string): Step<S, P>
  /** The command that takes the step back. */
  undo<M extends Named<'command'>>(command: M, payload: (state: S & P) => Payload<M>): Step<S, P>
  /** Says that there is nothing to undo: the step changes nothing that matters. */
  noUndo(): Step<S, P>
  /** How long a reply may take. `retry` sends the same command again, `undo` undoes everything, this step included: it may have happened. */
  within(time: Duration, otherwise?: 'retry' | 'undo'): Step<S, P>
  /** How often and when the same command is sent again where it failed for a technical reason. Default: as a listener's. */
  retry(options: RetryOptions): Step<S, P>
}

export interface ForwardSending<S extends object> {
  /** The command that does the step; from what the saga knows. */
  send<M extends Named<'command'>>(command: M, payload: (state: S) => Payload<M>): ForwardStep<S, Nothing>
}

/** A step after the pivot: it is tried until it succeeds, so nothing refuses or undoes it. */
export interface ForwardStep<S extends object, P> {
  readonly [learned]?: P
  done<M extends Named<'event'>, L extends object = Nothing>(reply: M, learn?: (reply: InstanceType<M>, state: S) => L & Stored<L>): ForwardStep<S, Nothing extends P ? L : P | L>
  /** How long a reply may take before the same command is sent again. */
  within(time: Duration): ForwardStep<S, P>
  /** When the same command is sent again, and after how many tries an alarm is raised. It is tried on nevertheless. */
  retry(options: RetryOptions): ForwardStep<S, P>
}

export type Build<S extends object, P> = (step: Sending<S>) => Step<S, P>

type Place = Pick<StepPlan, 'condition' | 'isPivot' | 'isForward'>

/** Runs what the user wrote of a step. Never throws: what is wrong is a fault. */
export function planStep(name: string, build: unknown, place: Place): { readonly step: StepPlan | undefined; readonly faults: readonly Fault[] } {
  const writer = new StepWriter(name)
  if (typeof build !== 'function') {
    writer.complain('SAGA_STEP', 'a function says what it sends: (step) => step.send(…)')

    return { step: undefined, faults: writer.faults }
  }
  try {
    build(writer)
  } catch (error) {
    writer.complain('SAGA_STEP', `the function that describes it threw: ${error instanceof Error ? error.message : String(error)}`)
  }

  return { step: writer.plan(place), faults: writer.faults }
}

class StepWriter {
  readonly faults: Fault[] = []
  readonly #name: string
  readonly #done: StepPlan['done'][number][] = []
  readonly #refused: StepPlan['refused'][number][] = []
  #command: Sent | undefined
  #undo: StepPlan['undo']
  #within: StepPlan['within']
  #retry: StepPlan['retry'] = resolveRetry(undefined, () => undefined)

  constructor(name: string) {
    this.#name = name
  }

  send(message: MessageClass, payload: Sent['payload']): this {
    this.#command = { message, payload }

    return this
  }

  done(message: MessageClass, learn: (reply: object, state: State) => State = () => ({})): this {
    this.#done.push({ message, learn })

    return this
  }

  refused(message: MessageClass, why: (reply: object) => string = () => `"${message.messageName}"`): this {
    this.#refused.push({ message, why })

    return this
  }

  undo(message: MessageClass, payload: Sent['payload']): this {
    this.#undo = { message, payload }

    return this
  }

  noUndo(): this {
    this.#undo = 'nothing'

    return this
  }

  within(time: unknown, otherwise: 'retry' | 'undo' | undefined): this {
    const ms = parseDuration(time)
    if (ms === undefined || ms <= 0) this.complain('DURATION', `\`within\` takes a duration such as "30s"; found ${JSON.stringify(time)}`)
    this.#within = { ms: ms ?? 30_000, otherwise }

    return this
  }

  retry(options: RetryOptions): this {
    this.#retry = resolveRetry(options, (code, message) => this.complain(code, message.replace(/\.$/, '')))
    if (this.#retry.unless.length > 0)
      this.complain('RETRY', '`retry.unless` names error classes, and errors of another service do not travel. Let its listener throw DeadLetter instead')

    return this
  }

  plan(place: Place): StepPlan | undefined {
    if (!this.#command) {
      this.complain('SAGA_STEP', 'it sends nothing. Begin it with step.send(Command, (state) => payload)')

      return undefined
    }

    return { name: this.#name, command: this.#command, done: this.#done, refused: this.#refused, undo: this.#undo, within: this.#within, retry: this.#retry, ...place }
  }

  complain(code: string, what: string): void {
    this.faults.push({ code, message: `Step "${this.#name}": ${what}.` })
  }
}
