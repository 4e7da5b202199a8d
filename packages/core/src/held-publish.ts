import type { Held } from './scope.js'

/**
 * The promise of a publish that is held for the success of what runs. It tells when somebody looks at it, as one that nobody awaits is forgotten.
 * Of a plain promise `await` does not ask for `then`.
 */
export class HeldPublish extends Promise<void> {
  #unseenIn: Held | undefined

  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  /** Without `done` it is held already. */
  static of(held: Held, done?: Promise<void>): Promise<void> {
    const publish = new HeldPublish((resolve) => resolve(done))
    publish.#unseenIn = held
    held.unseen++

    return publish
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  override then<A = void, B = never>(done?: ((value: void) => A | PromiseLike<A>) | null, failed?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<A | B> {
    if (this.#unseenIn) this.#unseenIn.unseen--
    this.#unseenIn = undefined

    return super.then(done, failed)
  }
}
