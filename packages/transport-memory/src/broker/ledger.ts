import { countOf } from '@waybill/core'

/** What the broker as a whole holds, and how much of it it may hold. */
export class Ledger {
  #messages = 0
  #bytes = 0

  constructor(
    readonly maxMessages: number,
    readonly maxBytes: number,
  ) {}

  get messages(): number {
    return this.#messages
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Why so much more does not fit, or undefined where it does. */
  refusal(messages: number, bytes: number): string | undefined {
    if (this.#messages + messages > this.maxMessages)
      return `the memory broker is full: it holds ${this.#messages} of at most ${countOf(this.maxMessages, 'message')}. Consume some, or raise "maxMessages".`
    if (this.#bytes + bytes > this.maxBytes)
      return `the memory broker is full: it holds ${this.#bytes} of at most ${this.maxBytes} bytes and would get ${bytes} more. Consume some, or raise "maxBytes".`

    return undefined
  }

  add(bytes: number): void {
    this.#messages++
    this.#bytes += bytes
  }

  remove(bytes: number): void {
    this.#messages--
    this.#bytes -= bytes
  }
}
