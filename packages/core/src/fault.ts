import { describeFound, isRecord } from './found.js'

/** One thing that is wrong with what the user wrote. Faults are collected and reported at `start`, all at once. */
export interface Fault {
  /** Stable, upper case: `DUPLICATE_LISTENER`. */
  readonly code: string
  /** The thing, what was expected, what was found, what to do. */
  readonly message: string
}

/** Notes one more thing that is wrong. */
export type Complain = (code: string, message: string) => void

/** `did you mean …?` for a word that is close to one of those expected, else an empty string. */
export function suggest(found: string, expected: Iterable<string>): string {
  const near = [...expected]
    .map((word) => ({ word, distance: editDistance(found.toLowerCase(), word.toLowerCase()) }))
    .filter(({ word, distance }) => distance <= Math.max(1, Math.floor(word.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0]

  return near ? ` Did you mean "${near.word}"?` : ''
}

/** A fault for each key that nobody knows, with a suggestion; or one for what is no object of options at all. `example`: what to write instead of that. */
export function unknownOptions(owner: string, found: unknown, known: readonly string[], example?: string): Fault[] {
  const write = example === undefined ? '' : ` Write ${example}.`
  if (!isRecord(found)) return [{ code: 'OPTIONS', message: `${owner} takes an object of options; found ${describeFound(found)}.${write} Known options: ${known.join(', ')}.` }]

  return Object.keys(found)
    .filter((key) => !known.includes(key))
    .map((key) => ({
      code: 'UNKNOWN_OPTION',
      message: `${owner} has no option "${key}".${suggest(key, known)} Known options: ${known.join(', ')}.`,
    }))
}

/** The fault of a channel's option that a transport cannot honour, in the words of every transport. `instead`: why, and what to state in its place. */
export function unsupportedOption(option: string, channel: string, instead: string): Fault {
  return { code: 'UNSUPPORTED_OPTION', message: `The option "${option}" of channel "${channel}" ${instead}, or move the channel to another transport.` }
}

/** Two letters that changed places count as one edit. */
function editDistance(a: string, b: string): number {
  let above: readonly number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const turned = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (above[j - 2] ?? 0) + 1 : swap
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, swap, turned))
    }
    above = row
    row = next
  }

  return row[b.length] ?? 0
}
