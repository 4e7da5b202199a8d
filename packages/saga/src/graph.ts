import type { Contract, Fault, ResolvedRetry } from '@waybill/core'

/** What a saga knows, as plain data. */
export type State = Readonly<Record<string, unknown>>

/** Why a saga is undone. */
export interface Failure {
  /** The step that did it; the saga's own name where it was no step: a cancel, the deadline, an operator. */
  readonly step: string
  /** Stable: `REFUSED`, `TIMEOUT`, `FAILED`, `CANCELLED`, `DEADLINE`, `OPERATOR`. */
  readonly code: string
  readonly message: string
}

export type MessageClass = (new (payload: unknown) => Contract<string, unknown, unknown, 'event' | 'command'>) & { readonly messageName: string }

/** A flow as data: what the builder was told, with every default. */
export interface FlowGraph {
  readonly start: { readonly message: MessageClass; readonly id: (message: object) => unknown; readonly state: (message: object) => State }
  readonly cancels: readonly CancelPlan[]
  /** One after another; the steps of one stage run side by side. */
  readonly stages: readonly (readonly StepPlan[])[]
  readonly completed: End
  readonly compensated: End
  readonly faults: readonly Fault[]
}

/** What can become of an event whose saga was not started. */
export const unknownPolicies = ['wait', 'deadLetter', 'ignore'] as const
export type UnknownPolicy = (typeof unknownPolicies)[number]

export interface CancelPlan {
  readonly message: MessageClass
  readonly id: (message: object) => unknown
  readonly unknown: UnknownPolicy
}

export interface StepPlan {
  readonly name: string
  readonly condition: ((state: State) => boolean) | undefined
  readonly command: Sent
  readonly done: readonly { readonly message: MessageClass; readonly learn: (reply: object, state: State) => State }[]
  readonly refused: readonly { readonly message: MessageClass; readonly why: (reply: object) => string }[]
  /** `nothing`: the flow says that there is nothing to undo. */
  readonly undo: Sent | 'nothing' | undefined
  readonly within: { readonly ms: number; readonly otherwise: 'retry' | 'undo' | undefined } | undefined
  readonly retry: ResolvedRetry
  /** The point of no return. */
  readonly isPivot: boolean
  /** It stands behind the pivot: it is tried until it succeeds. */
  readonly isForward: boolean
}

export interface Sent {
  readonly message: MessageClass
  readonly payload: (state: State) => unknown
}

export interface End {
  readonly message: MessageClass
  readonly payload: (state: State, why: Failure) => unknown
}

export function stepsOf({ stages }: FlowGraph): readonly StepPlan[] {
  return stages.flat()
}

/** What a saga of this flow listens to. */
export function heardBy(graph: FlowGraph): readonly MessageClass[] {
  const replies = stepsOf(graph).flatMap(({ done, refused }) => [...done, ...refused].map(({ message }) => message))

  return [...new Set([graph.start.message, ...graph.cancels.map(({ message }) => message), ...replies])]
}

/** What a saga of this flow sends. */
export function sentBy(graph: FlowGraph): readonly MessageClass[] {
  const sent = stepsOf(graph).flatMap(({ command, undo }) => (typeof undo === 'object' ? [command.message, undo.message] : [command.message]))

  return [...new Set([...sent, graph.completed.message, graph.compensated.message])]
}
