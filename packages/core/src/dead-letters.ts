import type { GroupAddress, Origin } from './transport.js'

/** What no listener could do, kept with the reason until a person decides. */
export interface DeadLetters {
  /** The oldest `limit` (default 100) of a group, left where they are. */
  list(of: GroupAddress, options?: { readonly limit?: number }): Promise<readonly DeadMessage[]>
  /** Sends them to their group again, attempts starting anew. Resolves with how many. Default: all of the oldest 1,000. */
  redrive(of: GroupAddress, which?: DeadLetterChoice): Promise<number>
  /** Forgets them, with the reason in the log. Resolves with how many. */
  discard(of: GroupAddress, which: DeadLetterChoice & { readonly reason: string }): Promise<number>
}

export interface DeadLetterChoice {
  readonly ids?: readonly string[]
  readonly limit?: number
}

export interface DeadMessage {
  readonly id: string | undefined
  readonly name: string | undefined
  readonly key: string | undefined
  /** Stable: `SCHEMA`, `UNKNOWN_TYPE`, `FAILED` … */
  readonly reason: string | undefined
  /** The sentence that says why. */
  readonly message: string | undefined
  readonly error: string | undefined
  readonly stack: string | undefined
  readonly listener: string | undefined
  readonly attempts: number | undefined
  readonly time: string | undefined
  /** Where it came from. */
  readonly origin: Origin | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
}
