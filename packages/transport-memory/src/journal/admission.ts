import type { PublishOutcome } from '@waybill/core'
import type { Entry } from '../broker/message.js'

/** A message that every queue takes, and that none has before it was written. */
export class Admission {
  outcome: PublishOutcome | undefined

  constructor(
    readonly entries: readonly Entry[],
    /** As they are written. */
    readonly headers: string,
  ) {}
}
