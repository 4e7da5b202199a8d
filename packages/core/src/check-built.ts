import type { Fault } from './fault.js'
import type { Plan, PlannedListener } from './plan.js'

/** What the types know and this version does not do yet: refused, never ignored. */
export function checkBuilt({ listeners }: Plan): readonly Fault[] {
  return listeners.flatMap((listener) => unbuilt(listener).map((option) => ({ code: 'NOT_BUILT', message: `${listener.label}: \`${option}\` is not built in this version. Leave it out.` })))
}

function unbuilt({ options: { deadKey } }: PlannedListener): readonly string[] {
  return [...(deadKey === 'park' ? ['deadKey'] : [])]
}
