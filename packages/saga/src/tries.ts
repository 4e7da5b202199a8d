import type { StepPlan } from './graph.js'
import type { Phase } from './instance.js'

const undoTries = 5

/** After so many an alarm is raised, where it is tried on. */
export function mostTries(step: StepPlan, phase: Phase): number {
  if (phase === 'undo') return undoTries
  const { attempts } = step.retry

  return step.isForward || hasNoWayBack(step) ? attempts : Math.max(undoTries, attempts)
}

/** Its outcome has to be known: nothing takes it back. */
export function hasNoWayBack({ isPivot, undo }: StepPlan): boolean {
  return isPivot && undo === undefined
}

/** From the failure of a try to the next one. */
export function waitMs({ retry }: StepPlan, attempt: number): number {
  return retry.waitsMs[Math.min(attempt, retry.waitsMs.length) - 1] ?? 1_000
}

/** How long an answer is waited for that the flow gives no time to. */
export function patienceMs(attempt: number): number {
  return Math.min(30_000 * 2 ** (attempt - 1), 300_000)
}
