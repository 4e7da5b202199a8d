import type { Runtime } from '@waybill/core'

/** A wait that can be cut short. What wakes before anybody sleeps makes the next wait short. */
export class Sleep {
  readonly #runtime: Runtime
  #wake: (() => void) | undefined
  #isAwake = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** True: it was woken before its time. */
  for(ms: number): Promise<boolean> {
    if (this.#isAwake) {
      this.#isAwake = false

      return Promise.resolve(true)
    }

    return new Promise((resolve) => {
      const cancel = this.#runtime.after(ms, () => {
        this.#wake = undefined
        resolve(false)
      })
      this.#wake = () => {
        this.#wake = undefined
        cancel()
        resolve(true)
      }
    })
  }

  wake(): void {
    if (this.#wake) this.#wake()
    else this.#isAwake = true
  }
}
