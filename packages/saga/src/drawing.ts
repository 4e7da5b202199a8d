import type { SagaDefinition } from './definition.js'
import { type FlowGraph, type StepPlan, stepsOf } from './graph.js'

/** A flow as data, to be drawn. */
export interface SagaGraph {
  readonly name: string
  readonly version: number
  readonly startedBy: string
  readonly cancelledBy: readonly string[]
  /** One after another; the steps of one stage run side by side. */
  readonly stages: readonly (readonly SagaGraphStep[])[]
  readonly completed: string
  readonly compensated: string
}

export interface SagaGraphStep {
  readonly name: string
  readonly command: string
  readonly done: readonly string[]
  readonly refused: readonly string[]
  readonly undo: string | undefined
  readonly withinMs: number | undefined
  readonly otherwise: 'retry' | 'undo' | undefined
  readonly isConditional: boolean
  readonly isPivot: boolean
}

export function dataOf({ name, version }: SagaDefinition, graph: FlowGraph): SagaGraph {
  return {
    name,
    version,
    startedBy: graph.start.message.messageName,
    cancelledBy: graph.cancels.map(({ message }) => message.messageName),
    stages: graph.stages.map((stage) => stage.map(stepData)),
    completed: graph.completed.message.messageName,
    compensated: graph.compensated.message.messageName,
  }
}

/** The flow as a Mermaid flowchart. */
export function mermaidOf(graph: FlowGraph): string {
  const names = new Map(stepsOf(graph).map(({ name }, index) => [name, `s${index + 1}`]))
  const idOf = ({ name }: StepPlan): string => names.get(name) ?? name
  const lines = ['flowchart TD', `  start([${graph.start.message.messageName}])`]
  let last: readonly string[] = ['start']
  for (const stage of graph.stages) {
    for (const step of stage) {
      lines.push(`  ${idOf(step)}${step.isPivot ? '{{' : '['}"${step.name}: ${step.command.message.messageName}"${step.isPivot ? '}}' : ']'}`)
      for (const from of last) lines.push(`  ${from} -->${step.condition ? '|if|' : ''} ${idOf(step)}`)
      if (step.refused.length > 0) lines.push(`  ${idOf(step)} -.->|${step.refused.map(({ message }) => message.messageName).join(', ')}| compensated`)
      if (typeof step.undo === 'object') lines.push(`  compensated -.- u${idOf(step)}["undo: ${step.undo.message.messageName}"]`)
    }
    last = [...stage.map(idOf), ...(stage.every(({ condition }) => condition) ? last : [])]
  }
  for (const from of last) lines.push(`  ${from} --> completed`)
  lines.push(`  completed([${graph.completed.message.messageName}])`, `  compensated([${graph.compensated.message.messageName}])`)

  return `${lines.join('\n')}\n`
}

function stepData({ name, command, done, refused, undo, within, condition, isPivot }: StepPlan): SagaGraphStep {
  return {
    name,
    command: command.message.messageName,
    done: done.map(({ message }) => message.messageName),
    refused: refused.map(({ message }) => message.messageName),
    undo: typeof undo === 'object' ? undo.message.messageName : undefined,
    withinMs: within?.ms,
    otherwise: within?.otherwise,
    isConditional: condition !== undefined,
    isPivot,
  }
}
