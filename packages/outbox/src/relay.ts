import { channel } from 'node:diagnostics_channel'
import {
  type Lease,
  type Logger,
  Outage,
  type OutboxPage,
  type OutboxRow,
  type OutboxStore,
  type Parking,
  type PluginTransport,
  type RelayEvent,
  type Runtime,
} from '@waybill/core'
import { bounded } from './bounded.js'
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

/**
 * Sends what waits in one shard, in order, as long as this process has its lease; otherwise it stands by. A page is read while the one before is
 * being confirmed. An outage of the broker or of the store is waited out, with no message the worse for it.
 */
export class Relay {
  readonly #parts: RelayOptions
  readonly #holding: Holding
  readonly #line: Line
  readonly #sleep: Sleep
  /** What was dealt with behind a row that was not. */
  readonly #ahead = new Map<bigint, Parking | 'sent'>()
  #blocked: ReadonlySet<string> = new Set()
  #hasParked = false
  #lookedAt = Number.NEGATIVE_INFINITY
  #read: Promise<OutboxPage> | undefined
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
    this.#store = new Outage(parts, (lasting) => `The relay of "${transport.name}" can use its store again${lasting}.`)
    this.#holding = new Holding({ outbox, runtime, log, shard: transport.name, owner: parts.instance, ttlMs: options.leaseMs })
    const { attempts, strictKeyOrder } = options
    const onExpired = ({ id, destination, key }: OutboxRow): void => log.info(`The message "${id}" expired before its broker could have it, and is not sent.`, { destination, key })
    this.#line = new Line({ transport, runtime, attempts, strictKeyOrder, onExpired, mayPublish: () => this.#holding.isSafe && !this.#isOver })
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
    this.#isOver = true
    await this.#read?.catch(() => undefined)
  }

  /** One page, or nothing. How long to wait before the next turn. */
  async #turn(): Promise<number> {
    this.#isBackingOff = false
    try {
      const held = await this.#holding.take()
      if (!held) return Math.min(1_000, this.#parts.options.leaseMs / 3)
      if (held.isNew) this.#forget()
      const waitMs = await this.#work(held.lease)
      this.#failures = 0
      this.#store.worked()

      return waitMs
    } catch (error) {
      this.#read = undefined
      this.#failures++
      this.#store.failed((lasting) => `The relay of "${this.#parts.transport.name}" cannot use its store${lasting}, and tries on: ${reasonOf(error)}`)

      return this.#backOff(this.#failures)
    }
  }

  async #work(lease: Lease): Promise<number> {
    if (!this.#parts.transport.writable) return this.#backOff(++this.#outages)
    if (this.#hasParked) await this.#releaseParked(lease)
    const page = await (this.#read ?? this.#page(lease, undefined))
    this.#read = undefined
    if (page.rows.length === 0) return this.#idle()

    this.#idleMs = hotMs
    if (!page.isLast) this.#readAhead(lease, page)
    const began = this.#parts.runtime.elapsed()
    const result = await this.#send(page.rows)
    if (!(await this.#advance(lease, page, result))) return 0
    this.#tell(page.rows, result, began)
    if (result.left === 0) {
      this.#outages = 0

      return 0
    }
    this.#read = undefined

    return this.#backOff(++this.#outages)
  }

  /** Those that were dealt with before are not sent again. */
  async #send(rows: readonly OutboxRow[]): Promise<Sent> {
    const fresh = rows.filter(({ seq }) => !this.#ahead.has(seq))
    const result = await this.#line.send(fresh, this.#blocked, this.#outages >= cautionAfter)
    for (const seq of result.sent) this.#ahead.set(seq, 'sent')
    for (const [seq, parking] of result.parked) this.#ahead.set(seq, parking)
    this.#block([...result.parked.values()])

    return result
  }

  async #advance(lease: Lease, page: OutboxPage, { left }: Sent): Promise<boolean> {
    const first = left === 0 ? -1 : page.rows.findIndex(({ seq }) => !this.#ahead.has(seq))
    const done = first === -1 ? page.rows.length : first
    const over = page.rows.slice(0, done)
    const parked = over.flatMap(({ seq }) => {
      const known = this.#ahead.get(seq)

      return known === undefined || known === 'sent' ? [] : [known]
    })
    if (done === 0) return true
    const isOurs = await this.#parts.outbox.advance(lease, { page, done, parked })
    if (!isOurs) this.#lost()
    else for (const { seq } of over) this.#ahead.delete(seq)
    for (const { row, code, reason } of isOurs ? parked : []) {
      if (code !== 'BEHIND') this.#parts.log.error(`"${row.id}" for "${row.destination}" cannot be sent and is parked, with its key: ${reason}`, { code, key: row.key })
    }

    return isOurs
  }

  #readAhead(lease: Lease, page: OutboxPage): void {
    this.#read = this.#page(lease, page)
    // It is awaited in the next turn; until then nobody listens to its failure.
    this.#read.catch(() => undefined)
  }

  #page(lease: Lease, after: OutboxPage | undefined): Promise<OutboxPage> {
    return this.#parts.outbox.page(lease, { rows: this.#parts.options.page, bytes: pageBytes, after })
  }

  /** What an operator wants tried again goes before what follows it. */
  async #releaseParked(lease: Lease): Promise<void> {
    const { outbox, runtime, transport, options } = this.#parts
    if (runtime.elapsed() - this.#lookedAt < lookAtParkedMs) return
    this.#lookedAt = runtime.elapsed()
    const rows = await outbox.released(lease, options.page)
    if (rows.length > 0) {
      const { sent, parked } = await this.#line.send(rows, new Set(), false)
      if (!(await outbox.unpark(lease, [...sent], [...parked.values()]))) return this.#lost()
    }
    const [status] = await outbox.status([transport.name])
    this.#blocked = new Set(await outbox.parkedKeys(transport.name))
    this.#hasParked = status !== undefined && status.parked > 0
  }

  #block(parked: readonly Parking[]): void {
    if (parked.length === 0) return
    this.#hasParked = true
    this.#blocked = new Set([...this.#blocked, ...parked.flatMap(({ row }) => row.key ?? [])])
  }

  #forget(): void {
    this.#ahead.clear()
    this.#line.reset()
    this.#read = undefined
    this.#hasParked = true
    this.#lookedAt = Number.NEGATIVE_INFINITY
  }

  #lost(): void {
    this.#parts.log.warn(`Another process sends what waits for "${this.#parts.transport.name}" now; this one stands by.`)
    this.#holding.drop()
    this.#read = undefined
  }

  #idle(): number {
    const waitMs = this.#idleMs
    this.#idleMs = Math.min(this.#parts.options.pollMs, this.#idleMs * 2)

    return waitMs
  }

  #backOff(failures: number): number {
    this.#isBackingOff = true
    const most = Math.min(longestBackOffMs, 50 * 2 ** Math.min(failures, 10))

    return Math.max(25, Math.round(most * this.#parts.runtime.random()))
  }

  #tell(rows: readonly OutboxRow[], { sent, parked, left }: Sent, began: number): void {
    if (!events.hasSubscribers) return
    const { app, runtime, transport } = this.#parts
    const [oldest] = rows
    const event: RelayEvent = {
      app,
      shard: transport.name,
      sent: sent.size,
      parked: parked.size,
      left,
      tookMs: runtime.elapsed() - began,
      oldestMs: oldest ? Math.max(0, runtime.now() - oldest.storedAt) : 0,
    }
    events.publish(event)
  }
}
