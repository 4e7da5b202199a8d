import type { Mark } from './dead-letter.js'
import type { Runtime } from './runtime.js'

/** So long a letter is waited for since the last one of its key was sent or came: another process may have it by then. */
const patienceMs = 60_000

interface Sent {
  readonly at: number
  readonly marks: Map<string, Mark>
}

/** Letters that this app has sent to their group again and that have not come yet: no dead letters any more, and yet their keys are not free. */
export class OnTheWay {
  readonly #runtime: Runtime
  /** By key, the one that was heard of last at the end. */
  readonly #sent = new Map<string, Sent>()

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  sent(key: string, mark: Mark): void {
    this.#forgetOld()
    const { marks } = this.#sent.get(key) ?? { marks: new Map<string, Mark>() }
    marks.set(mark.text, mark)
    this.#heardOf(key, marks)
  }

  /** It is done, dead again or discarded. */
  came(key: string, { text }: Mark): void {
    const { marks } = this.#sent.get(key) ?? {}
    if (marks?.delete(text)) this.#heardOf(key, marks)
  }

  all(): readonly (readonly [key: string, mark: Mark])[] {
    this.#forgetOld()

    return [...this.#sent].flatMap(([key, { marks }]) => [...marks.values()].map((mark) => [key, mark] as const))
  }

  #heardOf(key: string, marks: Map<string, Mark>): void {
    this.#sent.delete(key)
    if (marks.size > 0) this.#sent.set(key, { at: this.#runtime.elapsed(), marks })
  }

  #forgetOld(): void {
    const since = this.#runtime.elapsed() - patienceMs
    for (const [key, { at }] of this.#sent) {
      if (at >= since) return
      this.#sent.delete(key)
    }
  }
}
