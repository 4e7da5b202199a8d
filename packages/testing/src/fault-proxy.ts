import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { checkProxyOptions, directionOf, type FaultProxyOptions, numberOf } from './fault-proxy-options.js'
import { type Direction, Lines } from './line.js'
import { Link } from './link.js'
import type { Clock } from './pipe.js'
import { seededRandom } from './random.js'

/** A timer takes no longer time. */
const time = { least: 0, greatest: 2_147_483_647 }
const size = { least: 1, greatest: Number.POSITIVE_INFINITY }

/**
 * Puts a network between a client and a server that breaks on command. Resolves when it listens, on a free port of 127.0.0.1.
 * Nothing a peer or a fault does becomes an unhandled error; a direction holds back at most 1 MiB per connection, then the sender has to wait.
 */
export async function faultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  checkProxyOptions(options)
  const proxy = new FaultProxy(options)
  await proxy.heal()

  return proxy
}

/**
 * A TCP proxy with faults that are switched while it runs. Faults add up, and stay until {@link FaultProxy.heal}.
 * `latency`, `bandwidth`, `slice`, `drop` and `blackHole` hold for connections that are open and for those that come;
 * `cut`, `reset` and `halfOpen` hit the open ones, once.
 */
export class FaultProxy {
  readonly #to: FaultProxyOptions['to']
  readonly #clock: Clock
  readonly #lines = new Lines()
  readonly #links = new Set<Link>()
  readonly #bytes = { up: 0, down: 0 }
  #server: Server | undefined
  #listening: Promise<void> | undefined
  #port = 0
  #accepted = 0
  #isClosed = false

  /** @internal Made by {@link faultProxy}. */
  constructor(options: FaultProxyOptions) {
    this.#to = options.to
    this.#clock = clockOf(options)
  }

  readonly host = '127.0.0.1'

  /** Where the client connects to. Stays the same for the proxy's life. */
  get port(): number {
    return this.#port
  }

  /** `count`: accepted since the beginning. `open`: not yet over for both sides. */
  get connections(): { readonly count: number; readonly open: number } {
    let open = 0
    for (const link of this.#links) if (link.isOpen) open++

    return { count: this.#accepted, open }
  }

  /** Handed on since the beginning, by direction. */
  get bytes(): { readonly up: number; readonly down: number } {
    return { ...this.#bytes }
  }

  /** Everything arrives `ms` later, and up to `jitterMs` more. Order stays. */
  latency(ms: number, jitterMs = 0, direction: Direction | 'both' = 'both'): void {
    this.#change('latency', direction, { latencyMs: numberOf('latency', ms, time), jitterMs: numberOf('latency', jitterMs, time) })
  }

  /** Each connection moves so many bytes in a second, in that direction. */
  bandwidth(bytesPerSecond: number, direction: Direction | 'both' = 'both'): void {
    this.#change('bandwidth', direction, { bytesPerSecond: numberOf('bandwidth', bytesPerSecond, size) })
  }

  /** Everything is written in pieces of so many bytes, a turn of the event loop for each. */
  slice(bytes: number, direction: Direction | 'both' = 'both'): void {
    this.#change('slice', direction, { sliceBytes: Math.floor(numberOf('slice', bytes, size)) })
  }

  /**
   * Lets exactly so many further bytes pass, counted over all connections, then cuts the connection that carried the last one.
   * Happens once: the client that comes back is served.
   */
  cutAfter(bytes: number, direction: Direction | 'both' = 'both'): void {
    this.#lines.cutAfter(Math.floor(numberOf('cutAfter', bytes, size)), directionOf('cutAfter', direction))
  }

  /** Connections stay and can be made, and nothing moves on them. What waits arrives when it heals, as after retransmission. */
  blackHole(direction: Direction | 'both' = 'both'): void {
    this.#change('blackHole', direction, { isHeld: true })
  }

  /** What one side sends disappears, its goodbye included. A connection that lost something is reset by `heal`. */
  drop(direction: Direction): void {
    this.#change('drop', direction, { isDropped: true })
  }

  /** The server's side of each open connection is closed and the client is not told; `heal` resets those. */
  halfOpen(): void {
    for (const link of this.#links) if (link.isOpen) link.halfOpen()
  }

  /** Ends each open connection on both sides, in good order (FIN). */
  cut(): void {
    for (const link of this.#links) if (link.isOpen) link.cut()
  }

  /** Tears each open connection down on both sides (RST). */
  reset(): void {
    for (const link of this.#links) if (link.isOpen) link.reset()
  }

  /** New connections are refused. Open ones stay. The port is kept for `heal`; one that is under way ends without listening. */
  refuse(): void {
    this.#server?.close()
    this.#server = undefined
    this.#listening = undefined
  }

  /** Everything is normal again. Resolves when the proxy listens, on the port it had. */
  async heal(): Promise<void> {
    if (this.#isClosed) return
    this.#lines.heal()
    for (const link of this.#links) link.heal()
    this.#listening ??= this.#listen()
    try {
      await this.#listening
    } catch (error) {
      this.refuse()
      throw error
    }
  }

  /** Ends every connection and gives the port back. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#listening?.catch(() => {})
    const closed = this.#server?.listening ? once(this.#server, 'close') : undefined
    this.refuse()
    for (const link of this.#links) link.destroy()
    await closed
  }

  #change(fault: string, direction: Direction | 'both', change: Parameters<Lines['change']>[1]): void {
    this.#lines.change(directionOf(fault, direction), change)
    for (const link of this.#links) link.pump()
  }

  async #listen(): Promise<void> {
    const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (client) => this.#accept(client))
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('listening', resolve)
      // A server that is closed in the turn in which it was to listen never does.
      server.once('close', resolve)
      server.on('error', (cause) => reject(new Error(`The fault proxy cannot listen on ${this.host}:${this.#port}. Another process may have taken the port meanwhile.`, { cause })))
      server.listen(this.#port, this.host)
    })
    const address = server.address()
    if (typeof address === 'object' && address) this.#port = address.port
  }

  #accept(client: Socket): void {
    this.#accepted++
    this.#links.add(
      new Link({
        client,
        to: this.#to,
        lines: this.#lines,
        clock: this.#clock,
        onForwarded: (bytes, direction) => {
          this.#bytes[direction] += bytes
        },
        onClosed: (link) => this.#links.delete(link),
      }),
    )
  }
}

function clockOf({ seed, runtime }: FaultProxyOptions): Clock {
  const random = runtime && seed === undefined ? () => runtime.random() : seededRandom(seed ?? 1).next
  if (runtime) return { elapsed: () => runtime.elapsed(), after: (ms: number, work: () => void) => runtime.after(ms, work), random }

  return { elapsed: () => performance.now(), after: realTimer, random }
}

function realTimer(ms: number, work: () => void): () => void {
  const timer = setTimeout(work, ms)
  timer.unref()

  return () => clearTimeout(timer)
}
