import { DeadLetter, inputOf, WaybillError } from '@waybill/core'
import { type FlowGraph, heardBy } from './graph.js'
import { settledOf } from './notice.js'

/** A saga was started with a version that this app does not have: while versions change, another process has it. */
export class OtherVersion extends WaybillError {}

/** What a process says to another one that has the code for it: a message as it heard it. */
export interface Handed {
  readonly type: string
  /** What the wire carried. */
  readonly input: unknown
  /** The command that it answers. */
  readonly causationId?: string | undefined
  readonly times: number
}

/** What a saga hears, by itself or handed on. */
export interface Heard {
  readonly message: object
  readonly causationId: string | undefined
  readonly handed: Handed | undefined
}

const mostTimes = 100

export function heardOf(saga: string, message: object, causationId: string | undefined, graphs: readonly FlowGraph[]): Heard {
  const { handed } = message as { readonly handed?: Handed }
  const settled = settledOf(saga)
  if (!handed || message.constructor !== settled) return { message, causationId, handed: undefined }
  if (typeof handed.type !== 'string' || !Number.isSafeInteger(handed.times) || handed.times < 1) throw new DeadLetter('It hands on nothing that can be read.')
  const type = [settled, ...graphs.flatMap(heardBy)].find(({ messageName }) => messageName === handed.type)

  return { message: type ? new type(handed.input) : message, causationId: handed.causationId, handed }
}

/** Undefined: it was often enough. */
export function handOn({ message, causationId, handed }: Heard): { readonly what: Handed; readonly delayMs: number } | undefined {
  const times = (handed?.times ?? 0) + 1
  if (times > mostTimes) return undefined
  const { messageName: type = '' } = message.constructor as { readonly messageName?: string }

  return { what: handed ? { ...handed, times } : { type, input: inputOf(message), causationId, times }, delayMs: Math.min(500 * 2 ** times, 60_000) }
}
