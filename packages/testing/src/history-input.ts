import { WaybillError } from '@waybill/core'
import { shown } from './shown.js'
import type { MessageId } from './verdict.js'

/** One run of a listener. */
export interface Processing {
  readonly id: MessageId
  readonly group: string
  /** With `sequence`: what keeps its order. */
  readonly key?: string | undefined
  /** Its place among the messages of the key, growing. */
  readonly sequence?: number | undefined
}

export interface CheckOptions {
  /** The groups that should process every confirmed message; at least one, for without any nothing could be lost. */
  readonly groups: readonly string[]
}

/** What is recorded by mistake would be judged by mistake: each of these throws instead. */
export function checkId(method: string, id: unknown): void {
  if (typeof id !== 'string' && !Number.isFinite(id)) throw wrong(`"${method}" takes the id of a message, a text or a number; found ${shown(id)}`)
}

export function checkProcessing(given: Processing): void {
  const { id, group, key, sequence } = (given ?? {}) as Readonly<Record<keyof Processing, unknown>>
  checkId('processed', id)
  if (typeof group !== 'string' || group === '') throw wrong(`"processed" takes the "group" that processed ${shown(id)}, a text; found ${shown(group)}`)
  if (key !== undefined && typeof key !== 'string') throw wrong(`"processed" takes the "key" of ${shown(id)} as a text; found ${shown(key)}`)
  if (sequence !== undefined && !Number.isFinite(sequence))
    throw wrong(`"processed" takes the "sequence" of ${shown(id)} as a number, so that 9 comes before 10; found ${shown(sequence)}`)
}

export function checkGroups(given: CheckOptions): readonly string[] {
  const groups: unknown = (given as CheckOptions | undefined)?.groups
  const isList = Array.isArray(groups) && groups.length > 0 && groups.every((group) => typeof group === 'string' && group !== '')
  if (isList) return groups as readonly string[]

  throw wrong(`"check" takes { groups }, a list of at least one group that should have processed every confirmed message; found ${shown(groups)}`)
}

function wrong(sentence: string): WaybillError {
  return new WaybillError('HISTORY', `The history's ${sentence}.`)
}
