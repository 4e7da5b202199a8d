import type { Assignment } from './driver.js'

/** By this name members of a group agree on how partitions are spread, whichever driver each has. */
export const assignerName = 'WaybillEven'
export const assignerVersion = 1

/** A member of a group, and what it wants to read. */
export interface Subscriber {
  readonly memberId: string
  readonly topics: readonly string[]
}

/**
 * Spreads each topic over the members that subscribe to it, partition n of every topic to the same one, so that a key
 * and its retries meet in one process.
 */
export function spreadEvenly(members: readonly Subscriber[], partitionsOf: (topic: string) => readonly number[]): ReadonlyMap<string, Assignment> {
  const assignments = new Map<string, Record<string, number[]>>()
  for (const [topic, takers] of takersOf(members)) {
    for (const partition of partitionsOf(topic)) {
      const member = takers[partition % takers.length] as string
      const assignment = assignments.get(member) ?? {}
      const own = assignment[topic] ?? []
      own.push(partition)
      assignment[topic] = own
      assignments.set(member, assignment)
    }
  }

  return assignments
}

/** All topics that somebody of the group wants to read. */
export function topicsOf(members: readonly Subscriber[]): readonly string[] {
  return [...takersOf(members).keys()]
}

function takersOf(members: readonly Subscriber[]): Map<string, string[]> {
  const takers = new Map<string, string[]>()
  for (const { memberId, topics } of [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))) {
    for (const topic of topics) takers.set(topic, [...(takers.get(topic) ?? []), memberId])
  }

  return takers
}
