import type { Socket } from 'node:net'
import type { Runtime } from '@waybill/core'
import type { Direction, Lines } from './line.js'

/** Time and chance, as the proxy needs them. */
export type Clock = Pick<Runtime, 'elapsed' | 'after' | 'random'>

export interface PipeEnds {
  readonly source: Socket
  readonly sink: Socket
  readonly direction: Direction
  readonly lines: Lines
  readonly clock: Clock
  /** So many bytes were handed on. */
  onForwarded(bytes: number): void
  /** The line's byte count is used up. */
  onSpent(): void
}

/** What waits to be forwarded: bytes, the end of the stream (`fin`), or its violent end (`rst`). */
interface Parcel {
  content: Buffer | 'fin' | 'rst'
  dueAt: number
}

const maxHeldBytes = 1024 * 1024
const maxHeldParcels = 4096
/** A slow line moves in steps of so many milliseconds. */
const stepMs = 10

/** One direction of one connection. Holds back at most 1 MiB; beyond that the sender feels it. */
export class Pipe {
  readonly #ends: PipeEnds
  #queue: Parcel[] = []
  #heldBytes = 0
  #lineFreeAt = 0
  #isWaiting = false
  /** The sink takes nothing: it is not connected yet, or its buffer is full. */
  #isBlocked: boolean
  /** Nothing more is forwarded. */
  #isOver = false
  /** The sink was told of the end. */
  #hasEnded = false
  #hasLost = false
  #cancel: () => void = () => {}

  constructor(ends: PipeEnds) {
    this.#ends = ends
    this.#isBlocked = ends.sink.connecting
    ends.source.on('data', (bytes: Buffer) => this.#take(bytes))
    ends.source.on('end', () => this.#take('fin'))
    ends.source.on('error', () => this.#take('rst'))
    ends.sink.on('drain', () => this.#onWritable())
    ends.sink.on('connect', () => this.#onWritable())
    this.pump()
  }

  /** Bytes are missing: no network delivers the rest of such a stream. */
  get hasLost(): boolean {
    return this.#hasLost
  }

  /** Forwards what may go now. Called again whenever the line changes. */
  pump(): void {
    while (!this.#isWaiting && !this.#isBlocked && !this.#isOver && !this.#line.isHeld) {
      const parcel = this.#queue[0]
      if (!parcel) break
      const waitMs = Math.max(parcel.dueAt, this.#lineFreeAt) - this.#ends.clock.elapsed()
      if (waitMs > 0) this.#wait((go) => this.#ends.clock.after(waitMs, go))
      else this.#forward(parcel)
    }
    this.#regulate()
  }

  /** What was held back may go at once. */
  release(): void {
    this.#cancel()
    this.#isWaiting = false
    this.#lineFreeAt = 0
    for (const parcel of this.#queue) parcel.dueAt = 0
    this.pump()
  }

  /** From now on everything the source sends disappears, and the sink is left alone. */
  abandon(): void {
    this.#cancel()
    this.#isOver = true
    this.#hasLost = true
    this.#queue = []
    this.#ends.source.once('end', () => this.#ends.source.end()).resume()
  }

  get #line() {
    return this.#ends.lines[this.#ends.direction]
  }

  #take(content: Parcel['content']): void {
    if (this.#hasEnded && content === 'rst') tearDown(this.#ends.sink)
    if (this.#isOver) return
    if (this.#line.isDropped) {
      this.#hasLost = true

      return
    }
    if (typeof content !== 'string') this.#heldBytes += content.length
    this.#queue.push({ content, dueAt: this.#dueAt() })
    this.pump()
  }

  /** Never earlier than the parcel before: jitter does not reorder a stream. */
  #dueAt(): number {
    const { latencyMs, jitterMs } = this.#line
    const earliest = this.#queue.at(-1)?.dueAt ?? 0
    if (latencyMs === 0 && jitterMs === 0) return earliest

    return Math.max(earliest, this.#ends.clock.elapsed() + latencyMs + jitterMs * this.#ends.clock.random())
  }

  #forward({ content }: Parcel): void {
    if (typeof content !== 'string') return this.#forwardBytes(content)
    this.#isOver = true
    this.#hasEnded = true
    this.#queue = []
    if (content === 'rst') tearDown(this.#ends.sink)
    else this.#ends.sink.end()
  }

  #forwardBytes(bytes: Buffer): void {
    const piece = bytes.subarray(0, this.#pieceSize(bytes.length))
    if (piece.length > 0 && !this.#ends.sink.write(piece)) this.#isBlocked = this.#ends.sink.writable
    this.#forwarded(piece.length)
    if (this.#ends.lines.spend(piece.length, this.#ends.direction)) this.#ends.onSpent()
    else if (Number.isFinite(this.#line.sliceBytes)) this.#wait(nextTurn)
  }

  #pieceSize(available: number): number {
    const { sliceBytes, bytesPerSecond } = this.#line
    const step = Math.max(1, Math.floor((bytesPerSecond * stepMs) / 1000))

    return this.#ends.lines.allow(Math.min(available, sliceBytes, step), this.#ends.direction)
  }

  #forwarded(bytes: number): void {
    const parcel = this.#queue[0]
    if (!parcel || typeof parcel.content === 'string') return
    parcel.content = parcel.content.subarray(bytes)
    if (parcel.content.length === 0) this.#queue.shift()
    this.#heldBytes -= bytes
    // Timers fire late: what a step lost may be made up in the next one.
    const start = Math.max(this.#lineFreeAt, this.#ends.clock.elapsed() - stepMs)
    this.#lineFreeAt = start + (bytes * 1000) / this.#line.bytesPerSecond
    this.#ends.onForwarded(bytes)
  }

  #wait(schedule: (go: () => void) => () => void): void {
    this.#isWaiting = true
    this.#cancel = schedule(() => {
      this.#isWaiting = false
      this.pump()
    })
  }

  #onWritable(): void {
    this.#isBlocked = false
    this.pump()
  }

  /** Reads on only while there is room, so a slow receiver slows the sender down. */
  #regulate(): void {
    if (this.#isOver) return
    const isFull = this.#line.isHeld || this.#heldBytes >= maxHeldBytes || this.#queue.length >= maxHeldParcels
    if (isFull) this.#ends.source.pause()
    else this.#ends.source.resume()
  }
}

/** RST where that is still possible. */
export function tearDown(socket: Socket): void {
  // libuv refuses to reset a socket whose FIN is still under way, and Node then keeps its handle for ever.
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}

/** A whole turn of the event loop between two writes lets a receiver in this process, too, read each by itself. */
function nextTurn(go: () => void): () => void {
  let immediate = setImmediate(() => {
    immediate = setImmediate(go)
  })

  return () => clearImmediate(immediate)
}
