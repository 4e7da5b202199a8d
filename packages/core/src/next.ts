import { WaybillError } from './error.js'

/** What runs around what, for the error of a `next` that is called when it must not be. */
export interface Around {
  /** `middleware[1] ("Timing")` */
  readonly outer: string
  /** `Stock.reserve with the message "…"` */
  inner(): string
  /** Nobody waits for it any more. */
  isOver(): boolean
  /** Told of a call that came too late to change anything. */
  onLate(error: WaybillError): void
}

/**
 * Runs something around an inner part, which runs once at most. It is over when both are: an inner part that still runs is waited for, and what it threw
 * counts unless somebody looked at it in time, or the outer part threw. A second call of `next` fails the whole, whatever becomes of its promise.
 */
export async function runAround<A, T>(around: Around, outer: (next: (given?: A) => Promise<T>) => T | PromiseLike<T>, inner: (given?: A) => T | PromiseLike<T>): Promise<T> {
  const once = new Once(around, inner)
  try {
    const value = await outer((given) => once.call(given))
    await once.end()

    return value
  } catch (error) {
    await once.end().catch(() => undefined)
    throw once.misuse ?? error
  }
}

/** The inner part, and whether it may still begin. */
class Once<A, T> {
  misuse: WaybillError | undefined
  readonly #around: Around
  readonly #inner: (given?: A) => T | PromiseLike<T>
  #call: Next<T> | undefined
  #isOver = false

  constructor(around: Around, inner: (given?: A) => T | PromiseLike<T>) {
    this.#around = around
    this.#inner = inner
  }

  call(given?: A): Promise<T> {
    if (this.#isOver || this.#around.isOver()) return this.#tooLate()
    if (this.#call) return guarded(Promise.reject((this.misuse ??= twice(this.#around))))
    this.#call = new Next((resolve) => resolve(this.#inner(given)))

    return this.#call.watched()
  }

  /** Resolves when nothing runs any more: what comes next would run beside it. */
  async end(): Promise<void> {
    const call = this.#call
    const counts = call?.isOpen
    const failure = call && (await failureOf(call))
    this.#isOver = true
    if (this.misuse && failure) this.misuse.cause = failure.reason
    if (this.misuse) throw this.misuse
    if (counts && failure) throw failure.reason
  }

  #tooLate(): Promise<T> {
    const error = late(this.#around, this.#isOver ? 'it had ended itself' : 'the time of that was over')
    this.#around.onLate(error)

    return guarded(Promise.reject(error))
  }
}

async function failureOf(call: Promise<unknown>): Promise<PromiseRejectedResult | undefined> {
  const [end] = await Promise.allSettled([call])

  return end?.status === 'rejected' ? end : undefined
}

function twice({ outer, inner }: Around): WaybillError {
  return new WaybillError(
    'NEXT_TWICE',
    `${outer} called \`next\` twice for ${inner()}, which was done once and not again. Call it once at most: a listener is tried again by its "retry", and a message is sent again by another publish.`,
  )
}

function late({ outer, inner }: Around, when: string): WaybillError {
  return new WaybillError('NEXT_LATE', `${outer} called \`next\` for ${inner()} after ${when}, so nothing was done. Await \`next\` before the middleware returns.`)
}

// A promise that is awaited says so by its own `then` only where its class is not Promise.
class Next<T> extends Promise<T> {
  #isOver = false
  #isSeen = false

  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  get isOpen(): boolean {
    return !this.#isOver || !this.#isSeen
  }

  /** What nobody awaits must not end the process. */
  watched(): this {
    const over = (): void => void (this.#isOver = true)
    super.then(over, over)

    return this
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  override then<A = T, B = never>(done?: ((value: T) => A | PromiseLike<A>) | null, failed?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<A | B> {
    this.#isSeen = true

    return failed ? super.then(done, failed) : guarded(super.then(done, failed))
  }

  override finally(work?: (() => void) | null): Promise<T> {
    return guarded(super.finally(work))
  }
}

function guarded<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)

  return promise
}
