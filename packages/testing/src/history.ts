import { WaybillError } from '@waybill/core'
import { Column, Numbering } from './column.js'
import { checkGroups, checkId, type CheckOptions, checkProcessing, type Processing } from './history-input.js'
import { shown } from './shown.js'
import { describe, type Duplicate, type Facts, type Finding, type MessageId, type Reordering, type Verdict } from './verdict.js'

interface Judgement {
  processed: number
  readonly lost: Finding[]
  readonly duplicated: Duplicate[]
  readonly unexpected: Finding[]
  readonly contradicted: Finding[]
  readonly reordered: Reordering[]
}

/** Begins an empty history: what a test's publishers and listeners did, and later whether anything got lost on the way. */
export function history(): History {
  return new History()
}

/**
 * Records what happened to messages and finds what is wrong. Exact, in one step per record; a million messages
 * cost their ids and some numbers each.
 */
export class History {
  readonly #ids = new Numbering<MessageId>()
  readonly #marks = new Column()
  readonly #groups = new Map<string, GroupHistory>()

  /** Call it before publishing. The same id again is a further attempt at the same message. */
  attempted(id: MessageId): void {
    checkId('attempted', id)
    const message = this.#ids.of(id)
    const marks = this.#marks.get(message)
    const before = marks & mark.open ? mark.unknown : 0
    this.#marks.set(message, (marks & ~mark.rejected) | before | mark.attempted | mark.open)
  }

  /** The publish resolved: the broker has it. */
  confirmed(id: MessageId): void {
    this.#settle(id, mark.confirmed)
  }

  /** It is certain that the broker does not have it: the outcomes `rejected` and `unroutable`. */
  rejected(id: MessageId): void {
    this.#settle(id, mark.rejected)
  }

  /** The broker may have it. */
  unknown(id: MessageId): void {
    this.#settle(id, mark.unknown)
  }

  /** A listener has processed it; once for each time. */
  processed(one: Processing): void {
    checkProcessing(one)
    const { id, group, key, sequence } = one
    const message = this.#ids.of(id)
    const history = this.#groupOf(group)
    const isFirst = history.count(message)
    if (isFirst && key !== undefined && sequence !== undefined) history.order({ id, group, key, sequence })
  }

  /** What the history shows so far. Recording may go on. */
  check(options: CheckOptions): Verdict {
    const groups = checkGroups(options)
    const tally = { attempted: 0, confirmed: 0, rejected: 0, unknown: 0 }
    const unsettled: MessageId[] = []
    for (let message = 0; message < this.#ids.size; message++) {
      const marks = this.#marks.get(message)
      if (!(marks & mark.attempted)) continue
      tally.attempted++
      if (marks & mark.open) unsettled.push(this.#ids.name(message))
      const outcome = outcomeOf(marks)
      if (outcome) tally[outcome]++
    }
    const facts: Facts = { ...tally, unsettled, ...this.#judge(new Set(groups)) }

    return { ...facts, describe: () => describe(facts) }
  }

  #judge(expected: ReadonlySet<string>): Judgement {
    const judgement: Judgement = { processed: 0, lost: [], duplicated: [], unexpected: [], contradicted: [], reordered: [] }
    for (const name of new Set([...expected, ...this.#groups.keys()])) {
      const group = this.#groups.get(name) ?? new GroupHistory()
      for (const found of group.reordered) judgement.reordered.push(found)
      for (let message = 0; message < this.#ids.size; message++) {
        const times = group.times(message)
        judgement.processed += times
        if (times > 0) this.#judgeProcessed(message, name, times, judgement)
        else if (expected.has(name) && this.#marks.get(message) & mark.confirmed) judgement.lost.push({ id: this.#ids.name(message), group: name })
      }
    }

    return judgement
  }

  #judgeProcessed(message: number, group: string, times: number, { duplicated, unexpected, contradicted }: Judgement): void {
    const id = this.#ids.name(message)
    const marks = this.#marks.get(message)
    if (times > 1) duplicated.push({ id, group, times })
    if (!(marks & mark.attempted)) unexpected.push({ id, group })
    if (outcomeOf(marks) === 'rejected') contradicted.push({ id, group })
  }

  #settle(id: MessageId, outcome: number): void {
    const message = this.#ids.find(id)
    const marks = message === undefined ? 0 : this.#marks.get(message)
    if (message === undefined || !(marks & mark.attempted)) {
      throw new WaybillError('HISTORY', `The history got an outcome of ${shown(id)}, which was never attempted. Call "attempted" before publishing.`)
    }
    this.#marks.set(message, (marks & ~mark.open) | outcome)
  }

  #groupOf(name: string): GroupHistory {
    const found = this.#groups.get(name)
    if (found) return found
    const group = new GroupHistory()
    this.#groups.set(name, group)

    return group
  }
}

/** How often a group processed each message, and how far it is in each key. */
class GroupHistory {
  readonly reordered: Reordering[] = []
  readonly #times = new Column()
  readonly #highest = new Map<string, number>()

  times(message: number): number {
    return this.#times.get(message)
  }

  /** True for the first time. */
  count(message: number): boolean {
    const times = this.#times.get(message)
    this.#times.set(message, times + 1)

    return times === 0
  }

  order(one: { readonly id: MessageId; readonly group: string; readonly key: string; readonly sequence: number }): void {
    const after = this.#highest.get(one.key)
    if (after !== undefined && one.sequence < after) this.reordered.push({ ...one, after })
    else this.#highest.set(one.key, one.sequence)
  }
}

const mark = { attempted: 1, confirmed: 2, rejected: 4, unknown: 8, /** The last attempt has no outcome yet. */ open: 16 } as const

function outcomeOf(marks: number): 'confirmed' | 'rejected' | 'unknown' | undefined {
  if (marks & mark.confirmed) return 'confirmed'
  if (marks & mark.unknown) return 'unknown'

  return marks & mark.rejected && !(marks & mark.open) ? 'rejected' : undefined
}
