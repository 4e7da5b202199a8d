/** What names a message in a history. */
export type MessageId = string | number

/** A message, and the group where something is wrong with it. */
export interface Finding {
  readonly id: MessageId
  readonly group: string
}

export interface Duplicate extends Finding {
  /** How often the group processed it. */
  readonly times: number
}

export interface Reordering extends Finding {
  readonly key: string
  readonly sequence: number
  /** The higher sequence of that key that the group had processed before. */
  readonly after: number
}

/** The facts of a history, counted, and what is wrong with them. */
export interface Facts {
  /** Different ids that were attempted. */
  readonly attempted: number
  /** Of those: confirmed at least once. */
  readonly confirmed: number
  /** Of those: every attempt was rejected. */
  readonly rejected: number
  /** Of those: never confirmed, and the broker may have it. */
  readonly unknown: number
  /** Processings by all groups, repeated ones included. */
  readonly processed: number
  /** Attempted, and the last attempt has no outcome. */
  readonly unsettled: readonly MessageId[]
  /** Confirmed, and a group that should have processed it never did. */
  readonly lost: readonly Finding[]
  /** Processed more than once by one group. */
  readonly duplicated: readonly Duplicate[]
  /** Processed, and never attempted. */
  readonly unexpected: readonly Finding[]
  /** Processed, although every attempt was rejected, which claims that the broker does not have it. */
  readonly contradicted: readonly Finding[]
  /** In that group, first processed after the first processing of a message of the same key with a higher sequence. Repeated processings do not count. */
  readonly reordered: readonly Reordering[]
}

/** What a history shows. */
export interface Verdict extends Facts {
  /** A line for each figure, with the first ids of what is wrong. */
  describe(): string
}

const shownIds = 5

/** Lines for people. */
export function describe(facts: Facts): string {
  const { attempted, confirmed, rejected, unknown, unsettled, processed } = facts

  return [
    `attempted ${attempted}: confirmed ${confirmed}, rejected ${rejected}, unknown ${unknown}, unsettled ${unsettled.length}`,
    `processed ${processed}`,
    line('unsettled', unsettled, (id) => `${id}`),
    line('lost', facts.lost, ({ id, group }) => `${id} by ${group}`),
    line('duplicated', facts.duplicated, ({ id, group, times }) => `${id} by ${group} ${times} times`),
    line('unexpected', facts.unexpected, ({ id, group }) => `${id} by ${group}`),
    line('contradicted', facts.contradicted, ({ id, group }) => `${id} by ${group}`),
    line('reordered', facts.reordered, ({ id, group, key, sequence, after }) => `${id} by ${group} (key ${key}: ${sequence} after ${after})`),
  ].join('\n')
}

function line<T>(name: string, found: readonly T[], show: (one: T) => string): string {
  if (found.length === 0) return `${name} none`
  const more = found.length > shownIds ? `, and ${found.length - shownIds} more` : ''

  return `${name} ${found.length}: ${found.slice(0, shownIds).map(show).join(', ')}${more}`
}
