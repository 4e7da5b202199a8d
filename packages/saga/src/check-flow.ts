import type { Fault, Plan } from '@waybill/core'
import { type FlowGraph, type StepPlan, stepsOf } from './graph.js'

/** What is wrong with a flow by itself. */
export function checkFlow(saga: string, graph: FlowGraph): readonly Fault[] {
  const title = `Saga "${saga}"`
  const steps = stepsOf(graph)
  const faults = [...graph.faults, ...checkNames(steps), ...steps.flatMap((step) => [...checkReplies(step), ...checkTime(step), ...checkUndo(step)])]
  if (steps.length === 0) faults.push({ code: 'SAGA_EMPTY', message: 'Its flow has no step, so it would end where it starts. Add one by `step`.' })

  faults.push(...checkCancels(graph))

  return faults.map(({ code, message }) => ({ code, message: `${title}: ${message}` }))
}

/** Replies of commands that this app takes, and that nobody in it publishes: the step would wait for ever. */
export function checkAnswers(saga: string, graph: FlowGraph, { listeners, published }: Plan): readonly Fault[] {
  const sent = new Set(published.map(({ definition }) => definition.name))
  const isTaken = (name: string): boolean => listeners.some(({ takes }) => takes !== 'raw' && takes.some(({ messageName }) => messageName === name))

  return stepsOf(graph)
    .filter(({ command }) => isTaken(command.message.messageName))
    .flatMap(({ name, command, done, refused }) =>
      [...done, ...refused]
        .filter(({ message }) => !sent.has(message.messageName))
        .map(({ message }) => ({
          code: 'REPLY_NOT_SENT',
          message: `Saga "${saga}": Step "${name}": it waits for "${message.messageName}", and this app takes its command "${command.message.messageName}" but publishes no such reply. Publish it by @Publisher, or name the reply that is sent.`,
        })),
    )
}

/** What starts a saga starts it, so as a cancel it would never be heard. */
function checkCancels({ start, cancels }: FlowGraph): readonly Fault[] {
  return cancels
    .filter(({ message }) => message === start.message)
    .map(({ message }) => ({ code: 'SAGA_UNREACHABLE', message: `"${message.messageName}" both starts and cancels it, so it would never cancel. Use two messages.` }))
}

function checkNames(steps: readonly StepPlan[]): readonly Fault[] {
  const names = steps.map(({ name }) => name)
  const twice = [...new Set(names.filter((name, index) => names.indexOf(name) !== index))]

  return [
    ...twice.map((name) => ({ code: 'SAGA_STEP_TWICE', message: `Step "${name}" stands in it twice, so one of the two is never reached. Give it another name.` })),
    ...names
      .filter((name) => !/^[\w.-]{1,100}$/.test(name))
      .map((name) => ({ code: 'SAGA_STEP_NAME', message: `Step ${JSON.stringify(name)}: a name has 1 to 100 letters, digits, ".", "_" or "-". Rename it.` })),
  ]
}

function checkReplies({ name, done, refused }: StepPlan): readonly Fault[] {
  if (refused.length > 0 && done.length === 0)
    return [{ code: 'SAGA_UNREACHABLE', message: `Step "${name}": a reply refuses it and none ends it, so what stands below is never reached. Add .done(Reply).` }]
  const both = refused.find(({ message }) => done.some((one) => one.message === message))

  return both ? [{ code: 'SAGA_REPLY', message: `Step "${name}": "${both.message.messageName}" both ends and refuses it. Use two messages.` }] : []
}

function checkTime({ name, within, isForward }: StepPlan): readonly Fault[] {
  if (!within || isForward || within.otherwise === 'retry' || within.otherwise === 'undo') return []

  return [{ code: 'TIMEOUT_POLICY', message: `Step "${name}": it has a time, and nothing says what happens then. Write .within('…', 'retry') or .within('…', 'undo').` }]
}

/** A step that a saga would leave done when something behind it fails, or its own time runs out. */
function checkUndo(step: StepPlan): readonly Fault[] {
  if (step.undo !== undefined || step.isForward) return []
  if (step.isPivot && step.within?.otherwise !== 'undo') return []
  if (step.isPivot)
    return [
      {
        code: 'UNDO_MISSING',
        message: `Step "${step.name}": its time leads to an undo, and it has none: whether it happened would never be known. Add .undo(Command, (state) => payload), or write .within('…', 'retry').`,
      },
    ]

  return [
    {
      code: 'UNDO_MISSING',
      message: `Step "${step.name}": it stands before the pivot and has no undo, so a saga that fails would leave it done. Add .undo(Command, (state) => payload), .noUndo() where there is nothing to take back, or make it the pivot.`,
    },
  ]
}
