import type { Known } from './decode.js'
import { assertDuration } from './decision.js'
import { ownHeaders, type Headers } from './envelope.js'
import type { Delivery, ManualDelivery } from './delivery.js'
import type { Found } from './invocation.js'
import type { Taker } from './intake.js'
import type { RawDelivery } from './transport.js'
import type { Runner } from './runner.js'
import { header } from './wire.js'

/** One delivery on its way through a group: from arrival until it is settled. */
export class Job {
  readonly raw: RawDelivery
  readonly runner: Runner
  /** What becomes of its body; undefined: its listener takes bytes. */
  readonly known: Known | undefined
  readonly id: string
  readonly key: string | undefined
  attempt = 1
  /** What was read of it before its turn came. */
  found: Found | undefined
  /** It runs by itself: a batch with it has failed. */
  isAlone = false
  /** It came again and again, and may kill the process. */
  isSuspect = false
  /** How often it was begun alone before and never ended. */
  starts = 0
  /** When it came, where it may have to wait for a batch. */
  since = 0

  constructor(raw: RawDelivery, { runner, known }: Taker, id: string, key: string | undefined) {
    this.raw = raw
    this.runner = runner
    this.known = known
    this.id = id
    this.key = key
  }

  /** No batch takes it. A command of a saga is one: what answers it has to say which command caused it. */
  get isSingle(): boolean {
    return this.isAlone || this.raw.headers[header.saga] !== undefined
  }
}

/** What a listener is given beside its message. Headers and signal are made when they are looked at. */
export class JobDelivery implements Delivery {
  readonly id: string
  readonly attempt: number
  readonly key: string | undefined
  readonly #raw: RawDelivery
  readonly #prefix: string
  #headers: Headers | undefined
  #abort: AbortController | undefined
  #reason: Error | undefined

  constructor(job: Job, prefix: string) {
    this.id = job.id
    this.attempt = job.attempt
    this.key = job.key
    this.#raw = job.raw
    this.#prefix = prefix
  }

  get headers(): Headers {
    return (this.#headers ??= ownHeaders(this.#raw.headers, this.#prefix))
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController()
      if (this.#reason) this.#abort.abort(this.#reason)
    }

    return this.#abort.signal
  }

  /** Tells the listener that nobody waits for it any more. */
  abort(reason: Error): void {
    this.#reason = reason
    this.#abort?.abort(reason)
  }
}

/** The first word that a manual listener says decides; the others are too late. */
export type ManualWord =
  | { readonly kind: 'ack' }
  | { readonly kind: 'retry'; readonly after: `${number}ms` | string | undefined }
  | { readonly kind: 'dead'; readonly reason: string }

export class JobManualDelivery extends JobDelivery implements ManualDelivery {
  readonly #say: (word: ManualWord) => void

  constructor(job: Job, prefix: string, say: (word: ManualWord) => void) {
    super(job, prefix)
    this.#say = say
  }

  ack(): void {
    this.#say({ kind: 'ack' })
  }

  retry(options?: { readonly after?: string }): void {
    if (options?.after !== undefined) assertDuration(options.after, 'delivery.retry')
    this.#say({ kind: 'retry', after: options?.after })
  }

  // Who writes plain JavaScript may give an Error, or nothing.
  deadLetter(reason: unknown): void {
    this.#say({ kind: 'dead', reason: reason instanceof Error ? reason.message : String(reason ?? 'No reason was given.') })
  }
}
