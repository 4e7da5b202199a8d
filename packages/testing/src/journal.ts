import type { Runtime } from '@waybill/core'

/** What happened at the seams of the apps, a line each, with the time since the clock began. */
export class Journal {
  readonly #runtime: Runtime
  readonly #lines: string[] = []

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  get lines(): readonly string[] {
    return this.#lines
  }

  note(app: string, what: string): void {
    this.#lines.push(`${this.#runtime.elapsed()} ms ${app} ${what}`)
  }
}
