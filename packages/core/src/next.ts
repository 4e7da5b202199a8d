/**
 * Runs something around an inner part. It is over when both are: an inner part that still runs is waited for, and what it threw counts unless somebody
 * looked at it in time, or the outer part threw.
 */
export async function runAround<A, T>(outer: (next: (given?: A) => Promise<T>) => Promise<T>, inner: (given?: A) => T | PromiseLike<T>): Promise<T> {
  const calls: Next<T>[] = []
  const next = (given?: A): Promise<T> => {
    const call = new Next<T>((resolve) => resolve(inner(given)))
    calls.push(call.watched())

    return call
  }
  const value = await afterAll(calls, () => outer(next))
  const open = calls.filter(({ isOpen }) => isOpen)
  if (open.length > 0) await allOf(open)

  return value
}

/** What it throws is thrown when nothing runs any more: what comes next would run beside it. */
async function afterAll<T>(calls: readonly Promise<unknown>[], outer: () => Promise<T>): Promise<T> {
  try {
    return await outer()
  } catch (error) {
    await Promise.allSettled(calls)
    throw error
  }
}

async function allOf(open: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(open)).find(({ status }) => status === 'rejected')
  if (failed) throw (failed as PromiseRejectedResult).reason
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
