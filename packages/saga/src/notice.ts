import { Event, unchecked } from '@waybill/core'
import type { MessageClass } from './graph.js'
import type { Handed } from './handing.js'

/** An alarm: a saga cannot go on by itself. What it tries it goes on trying; look at it by `sagas().get`. */
export class SagaStuck extends Event('saga.stuck', {
  channel: 'saga',
  key: 'id',
  payload: unchecked<{ readonly saga: string; readonly id: string; readonly step: string; readonly reason: string }>(),
}) {}

/** What the app of a participant says of a command: its listener has ended, or will not be tried again, or was not to do it any more. */
export interface Settlement {
  readonly commandId: string
  /** It was not done, and will not be. */
  readonly withdrawn?: true
  readonly failure?: { readonly code: string; readonly message: string }
}

/** What another process is to act on. */
export interface Handover {
  readonly handed: Handed
}

const known = new Map<string, MessageClass>()

/** The message by which a saga hears that; each saga has a channel of its own for it. */
export function settledOf(saga: string): MessageClass & (new (payload: Settlement | Handover) => object) {
  const found =
    known.get(saga) ?? (class extends Event(`saga.${saga}.settled`, { channel: `saga.${saga}`, payload: unchecked<Settlement | Handover>() }) {} as unknown as MessageClass)
  known.set(saga, found)

  return found
}
