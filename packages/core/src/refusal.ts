/**
 * A rejected promise that tells when somebody looks at it. One of a class that does would slow every publish down, so only those are such that are
 * rejected already.
 */
export function refusal(error: Error, onLook: () => void): Promise<never> {
  const rejected = Promise.reject<never>(error)
  const then: Promise<never>['then'] = (onFulfilled, onRejected) => {
    onLook()

    return thenOf(rejected, onFulfilled, onRejected)
  }

  // Of a plain promise `await` does not ask for `then`.
  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  return Object.defineProperties(rejected, { constructor: { value: undefined }, then: { value: then } })
}

/** Hears how a promise ends without having looked at it. */
export function thenOf<T, A, B>(
  promise: Promise<T>,
  onFulfilled: ((value: T) => A | PromiseLike<A>) | null | undefined,
  onRejected: ((error: unknown) => B | PromiseLike<B>) | null | undefined,
): Promise<A | B> {
  return Promise.prototype.then.call(promise, onFulfilled, onRejected) as Promise<A | B>
}
