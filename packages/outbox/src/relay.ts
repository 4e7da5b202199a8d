import { channel } from 'node:diagnostics_channel'
import { type Lease, type Logger, Outage, type OutboxPage, type OutboxRow, type OutboxStore, type PluginTransport, type RelayEvent, type Runtime } from '@waybill/core'
import { bounded } from './bounded.js'
import { Flow } from './flow.js'
import { Holding } from './holding.js'
import { Line, type Sent } from './line.js'
import type { ResolvedOptions } from './options.js'
import { reasonOf } from './refusal.js'
import { Sleep } from './sleep.js'

export interface RelayOptions {
  readonly app: string
  readonly instance: string
  readonly outbox: OutboxStore
  readonly transport: PluginTransport
  readonly runtime: Runtime
  readonly log: Logger
  readonly options: ResolvedOptions
}

const events = channel('waybill:relay')
const pageBytes = 4_194_304
const hotMs = 2
const longestBackOffMs = 5_000
const lookAtParkedMs = 1_000
const drainMs = 5_000
const cautionAfter = 3
/** A page that takes longer is too large for its broker. */
const slowMs = 2_000
const fewestRows = 16
const firstRows = 256
const longestRestMs = 20

/**
 * Sends what waits in one shard, in order, as long as this process has its lease; otherwise it stands by. Pages are read while those before are
 * being confirmed. An outage of the broker or of the store is waited out, with no message the worse for it.
 */
export class Relay {
  readonly #parts: RelayOptions
  readonly #holding: Holding
  readonly #line: Line
  readonly #flow: Flow
  readonly #sleep: Sleep
  #blocked = new Set<string>()
  #hasParked = false
  #lookedAt = Number.NEGATIVE_INFINITY
  /** How many rows a page has: fewer while the broker is slow, so that none waits in its line until nobody believes in it. */
  #rows: number
  #outages = 0
  #isBackingOff = false
  #failures = 0
  readonly #store: Outage
  #idleMs = hotMs
  #stopAt: number | undefined
  #isOver = false
  #running: Promise<void> | undefined

  constructor(parts: RelayOptions) {
    this.#parts = parts
    const { outbox, runtime, log, transport, options } = parts
    this.#sleep = new Sleep(runtime)
    this.#rows = Math.min(firstRows, options.page)
    this.#store = new Outage(parts, (lasting) => `The relay of "${transport.name}" can use its store again${lasting}.`)
    this.#holding = new Holding({ outbox, runtime, log, shard: transport.name, owner: parts.instance, ttlMs: options.leaseMs })
    const { attempts, strictKeyOrder } = options
    const onExpired = ({ id, destination, key }: OutboxRow): void => log.info(`The message "${id}" expired before its broker could have it, and is not sent.`, { destination, key })
    this.#line = new Line({ transport, runtime, attempts, strictKeyOrder, onExpired, mayPublish: () => this.#holding.isSafe && !this.#isOver })
    this.#flow = new Flow({ outbox, runtime, line: this.#line, log, onSent: (page, sent, began) => this.#sent(page, sent, began), onAdvanced: () => void (this.#outages = 0) })
  }

  get ownsShard(): boolean {
    return this.#holding.lease !== undefined
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Something was committed. */
  wake(): void {
    this.#idleMs = hotMs
    // Trying more often mends no outage.
    if (!this.#isBackingOff) this.#sleep.wake()
  }

  /** An operator changed what is parked. */
  lookAtParked(): void {
    this.#hasParked = true
    this.#lookedAt = Number.NEGATIVE_INFINITY
    this.wake()
  }

  /** Sends what is there, within some seconds, and gives the lease back. */
  async stop(): Promise<void> {
    this.#stopAt = this.#parts.runtime.elapsed() + drainMs
    this.#sleep.wake()
    await bounded(this.#running, 2 * drainMs, this.#parts.runtime)
    this.#isOver = true
    const { log, runtime, transport } = this.#parts
    const released = this.#holding.release().catch((error: unknown) => log.warn(`The lease of "${transport.name}" could not be given back, and ends by itself: ${reasonOf(error)}`))
    await bounded(released, drainMs, runtime)
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const waitMs = await this.#turn()
      if (this.#isOver || (this.#stopAt !== undefined && (waitMs > 0 || this.#parts.runtime.elapsed() >= this.#stopAt))) break
      if (waitMs > 0) await this.#sleep.for(waitMs)
    }
    const { lease } = this.#holding
    if (lease) await this.#flow.settled(lease).catch(() => undefined)
    this.#isOver = true
  }

  /** One page, or nothing. How long to wait before the next turn. */
  async #turn(): Promise<number> {
    this.#isBackingOff = false
    try {
      const held = await this.#holding.take()
      if (!held) return Math.min(1_000, this.#parts.options.leaseMs / 3)
      if (held.isNew) await this.#begin()
      const waitMs = await this.#work(held.lease)
      this.#failures = 0
      this.#store.worked()

      return waitMs
    } catch (error) {
      this.#failures++
      this.#store.failed((lasting) => `The relay of "${this.#parts.transport.name}" cannot use its store${lasting}, and tries on: ${reasonOf(error)}`)

      return this.#backOff(this.#failures)
    }
  }

  async #work(lease: Lease): Promise<number> {
    if (this.#flow.isBroken) return this.#mend(lease)
    if (!this.#parts.transport.writable) return this.#backOff(++this.#outages)
    const size = { rows: this.#rows, bytes: pageBytes }
    if (this.#flow.isFull(size)) {
      await this.#flow.change()

      return 0
    }
    if (this.#hasParked && this.#parts.runtime.elapsed() - this.#lookedAt >= lookAtParkedMs) {
      const waitMs = await this.#mend(lease)
      if (waitMs > 0 || !this.#holding.lease) return waitMs
      await this.#releaseParked(lease)
    }
    const began = this.#parts.runtime.elapsed()
    const page = await this.#parts.outbox.page(lease, { ...size, after: this.#flow.last })
    if (this.#flow.isBroken) return 0
    if (page.rows.length === 0) return this.#idle(page)
    this.#idleMs = hotMs
    this.#flow.add(lease, page, { blocked: this.#blocked, alone: this.#outages >= cautionAfter })

    if (this.#outages > 0) return this.#mend(lease)
    const lookMs = this.#parts.runtime.elapsed() - began
    if (page.isLast && lookMs > 0) await this.#rest(lookMs)

    return 0
  }

  /** Where rows come a few at a time, half of the time is for more of them to come: a look costs the same for many. */
  #rest(lookMs: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.runtime.after(Math.min(longestRestMs, lookMs), resolve))
  }

  /** Waits for what is under way. Where a row of it was left the next turn waits too. */
  async #mend(lease: Lease): Promise<number> {
    const left = await this.#flow.settled(lease)
    if (left === undefined) this.#lost()

    return left === undefined || left === 0 ? 0 : this.#backOff(++this.#outages)
  }

  /** What an operator wants tried again goes before what follows it. */
  async #releaseParked(lease: Lease): Promise<void> {
    const { outbox, runtime, transport, options } = this.#parts
    this.#lookedAt = runtime.elapsed()
    const rows = await outbox.released(lease, options.page)
    if (rows.length > 0) {
      const { sent, parked } = await this.#line.sendReleased(rows)
      if (!(await outbox.unpark(lease, [...sent], [...parked.values()]))) return this.#lost()
    }
    const [status] = await outbox.status([transport.name])
    this.#blocked = new Set(await outbox.parkedKeys(transport.name))
    this.#hasParked = status !== undefined && status.parked > 0
  }

  /** What was known of the shard may be wrong by now. */
  async #begin(): Promise<void> {
    await this.#flow.abandon()
    this.#line.reset()
    this.#hasParked = true
    this.#lookedAt = Number.NEGATIVE_INFINITY
  }

  #lost(): void {
    this.#parts.log.warn(`Another process sends what waits for "${this.#parts.transport.name}" now; this one stands by.`)
    this.#holding.drop()
  }

  #idle({ isPaused }: OutboxPage): number {
    if (this.#flow.isEmpty && !isPaused) this.#flow.forget()
    const waitMs = this.#idleMs
    this.#idleMs = Math.min(this.#parts.options.pollMs, this.#idleMs * 2)

    return waitMs
  }

  #backOff(failures: number): number {
    this.#isBackingOff = true
    const most = Math.min(longestBackOffMs, 50 * 2 ** Math.min(failures, 10))

    return Math.max(25, Math.round(most * this.#parts.runtime.random()))
  }

  #sent({ rows }: OutboxPage, { sent, parked, left }: Sent, began: number): void {
    const { app, runtime, transport, options } = this.#parts
    const tookMs = runtime.elapsed() - began
    if (parked.size > 0) this.#hasParked = true
    if (left > 0 || tookMs > slowMs) this.#rows = Math.max(Math.min(fewestRows, options.page), Math.floor(this.#rows / 2))
    else if (tookMs < slowMs / 2) this.#rows = Math.min(options.page, this.#rows * 2)
    if (!events.hasSubscribers) return
    const [oldest] = rows
    const event: RelayEvent = {
      app,
      shard: transport.name,
      sent: sent.size,
      parked: parked.size,
      left,
      tookMs,
      oldestMs: oldest ? Math.max(0, runtime.now() - oldest.storedAt) : 0,
    }
    events.publish(event)
  }
}
