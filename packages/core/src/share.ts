import type { ResolvedListenerOptions } from './plan.js'
import type { Consumer } from './transport.js'

/** A window grows up to so many times. */
const widest = 4

/**
 * A group's window and what of it is left to those who can run. What waits behind its key, for its rate or for its next try stays unacknowledged
 * and widens the window for the others, up to four times; when nothing else is left in it, the consumer pauses.
 */
export class Share {
  /** As wide as it is when nothing waits. */
  readonly window: number
  readonly #step: number
  readonly #running: () => number
  #blocked = 0
  #asked: number
  #isPaused = false

  constructor(listeners: readonly ResolvedListenerOptions[], running: () => number) {
    this.#running = running
    this.window = listeners.reduce((sum, options) => sum + windowOf(options), 0)
    // In steps, so that a window is not told anew for each message.
    this.#step = Math.max(1, Math.floor(this.window / 4))
    this.#asked = this.window
  }

  /** Whether the consumer was told to give nothing. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  make(consumer: Consumer, blocked: number): void {
    if (blocked === this.#blocked && !this.#isPaused) return
    this.#blocked = blocked
    const window = Math.min(widest * this.window, this.window + Math.ceil(blocked / this.#step) * this.#step)
    if (window !== this.#asked) {
      this.#asked = window
      consumer.resize(window)
    }
    const isFull = blocked > 0 && blocked + this.#running() >= widest * this.window
    if (isFull === this.#isPaused) return
    this.#isPaused = isFull
    if (isFull) consumer.pause()
    else consumer.resume()
  }
}

/** Twice what can run at once: while one half is worked on, the other is on its way. Those over the rate of their key must not be all that is there. */
function windowOf({ batch, concurrency, rate }: ResolvedListenerOptions): number {
  const running = batch ? batch.size * (concurrency.max + 1) : 2 * concurrency.max

  return rate?.by === undefined ? running : 4 * running
}
