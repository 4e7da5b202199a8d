import { connect, type Socket } from 'node:net'
import type { Direction, Lines } from './line.js'
import { type Clock, Pipe, tearDown } from './pipe.js'

export interface LinkOptions {
  readonly client: Socket
  readonly to: { readonly host: string; readonly port: number }
  readonly lines: Lines
  readonly clock: Clock
  onForwarded(bytes: number, direction: Direction): void
  onClosed(link: Link): void
}

/** One connection through the proxy: the client's socket, the server's, and a pipe each way. */
export class Link {
  readonly #client: Socket
  readonly #server: Socket
  readonly #up: Pipe
  readonly #down: Pipe
  #isOpen = true

  constructor(options: LinkOptions) {
    this.#client = options.client
    this.#server = connect({ ...options.to, noDelay: true, allowHalfOpen: true })
    for (const socket of [this.#client, this.#server]) {
      // A peer may die at any moment. What that means for the other side is the pipe's business.
      socket.on('error', () => {})
      socket.on('close', () => this.#onSocketClosed(options))
    }
    this.#up = this.#pipe(options, 'up')
    this.#down = this.#pipe(options, 'down')
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Both sides are told that the other one has ended. */
  cut(): void {
    this.#abandon()
    this.#client.end()
    this.#server.end()
  }

  /** Both sides see their connection torn down. */
  reset(): void {
    this.#abandon()
    tearDown(this.#client)
    tearDown(this.#server)
  }

  /** The server's side ends. The client keeps a connection that nobody answers. */
  halfOpen(): void {
    this.#up.abandon()
    this.#down.abandon()
    this.#server.destroy()
  }

  /** The lines have changed. */
  pump(): void {
    this.#up.pump()
    this.#down.pump()
  }

  /** Goes on as if nothing had been. A stream with a hole in it cannot go on: it is reset. */
  heal(): void {
    if (!this.#isOpen) return
    if (this.#up.hasLost || this.#down.hasLost) return this.reset()
    this.#up.release()
    this.#down.release()
  }

  destroy(): void {
    this.#abandon()
    this.#client.destroy()
    this.#server.destroy()
  }

  #pipe(options: LinkOptions, direction: Direction): Pipe {
    const isUp = direction === 'up'

    return new Pipe({
      source: isUp ? this.#client : this.#server,
      sink: isUp ? this.#server : this.#client,
      direction,
      lines: options.lines,
      clock: options.clock,
      onForwarded: (bytes) => options.onForwarded(bytes, direction),
      onSpent: () => this.cut(),
    })
  }

  #abandon(): void {
    this.#isOpen = false
    this.#up.abandon()
    this.#down.abandon()
  }

  #onSocketClosed(options: LinkOptions): void {
    if (!this.#client.closed || !this.#server.closed) return
    this.#abandon()
    options.onClosed(this)
  }
}
