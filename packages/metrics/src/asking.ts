import type { GroupDepth, PluginHost } from '@waybill/core'

/** Asks the brokers, one question at a time: a broker that does not answer is not asked twice. */
export class Asking {
  readonly #host: PluginHost
  readonly #everyMs: number | undefined
  #latest: readonly GroupDepth[] = []
  #isOver = false

  constructor(host: PluginHost, everyMs: number | undefined) {
    this.#host = host
    this.#everyMs = everyMs
  }

  get latest(): readonly GroupDepth[] {
    return this.#latest
  }

  start(): () => void {
    const everyMs = this.#everyMs
    if (everyMs === undefined) return () => undefined

    let cancel: () => void = () => undefined
    const again = (afterMs: number): void => {
      if (!this.#isOver)
        cancel = this.#host.runtime.after(afterMs, () => {
          void this.#ask().then(() => again(everyMs))
        })
    }
    again(1_000)

    return () => {
      this.#isOver = true
      cancel()
    }
  }

  async #ask(): Promise<void> {
    this.#latest = await this.#host.depths()
  }
}
