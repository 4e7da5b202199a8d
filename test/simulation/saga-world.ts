import { outbox } from '@waybill/outbox'
import { Saga, type SagaDetails, type Sagas, sagas, startedBy } from '@waybill/saga'
import { memoryDatabase, memoryStore } from '@waybill/store-memory'
import { type Harness, harness } from '@waybill/testing'
import { memory } from '@waybill/transport-memory'
import {
  type Booked,
  CardCharged,
  CardDeclined,
  ChargeCard,
  OrderCancelled,
  OrderConfirmed,
  OrderPlaced,
  OrderRejected,
  Payment,
  RefundCard,
  ReleaseStock,
  ReserveStock,
  Script,
  script,
  Stock,
  StockRejected,
  StockReserved,
} from '../saga/shop.js'
import { crashingStore, crashPoints, type StoreCrashPoint } from './crashing-store.js'
import { type HeldDelivery, Holding } from './held-transport.js'

/** What can happen next to a saga: one of the messages that wait comes, or its next timer is due; with a fault, or without. */
export interface Move {
  readonly what: string
  readonly fault?: 'delivered again' | StoreCrashPoint
}

/** How often a walk lets a timer fire before a message that waits, and how often something goes wrong. */
export interface Budget {
  readonly early: number
  readonly faults: number
}

/** Short, and all the same with everything that a flow can have: an undo that needs a reply and one that does not, and a pivot. */
@Saga('checkout', { version: 1 })
class Purchase {
  readonly flow = startedBy(OrderPlaced, { id: (order) => order.orderId, state: ({ orderId, total }) => ({ orderId, total }) })
    .cancelledBy(OrderCancelled, (event) => event.orderId, { unknown: 'ignore' })
    .step('reserve', (step) =>
      step
        .send(ReserveStock, ({ orderId }) => ({ orderId }))
        .done(StockReserved)
        .refused(StockRejected)
        .undo(ReleaseStock, ({ orderId }) => ({ orderId }))
        .within('3s', 'undo')
        .retry({ attempts: 2, backoff: ['1s'] }),
    )
    .pivot('charge', (step) =>
      step
        .send(ChargeCard, ({ orderId, total }) => ({ orderId, amount: total }))
        .done(CardCharged, ({ charge }) => ({ charge }))
        .refused(CardDeclined)
        .undo(RefundCard, ({ orderId, charge }) => ({ orderId, charge }))
        .within('3s', 'undo')
        .retry({ attempts: 2, backoff: ['1s'] }),
    )
    .ends({
      completed: [OrderConfirmed, ({ orderId, charge }) => ({ orderId, charge })],
      compensated: [OrderRejected, ({ orderId = '' }, { code, message }) => ({ orderId, code, reason: message })],
    })
}

const time = 'time'
const id = 'o-1'
/** Of the process that died, so that the next one can send. */
const leaseMs = 1_000

/** Everything that can be wrong with the two participants, alone or together. */
export const allFates: readonly Fates[] = [
  {},
  { cancel: 1 },
  { 'refuse reserve': 9 },
  { 'mute reserve': 9 },
  { 'refuse charge': 9 },
  { 'break charge': 1 },
  { 'break charge': 9 },
  { 'refuse charge': 9, 'break release': 1 },
]

/** What its participants do instead of what they are told, and how often, in the words of the shop's script; `cancel`: somebody cancels it, at any moment. */
export type Fates = Readonly<Record<string, number>>

/** One saga and its participants, of which nothing happens that was not chosen. */
export class SagaWorld {
  readonly #database = memoryDatabase()
  readonly #holding = new Holding()
  #left: Budget
  #planned: StoreCrashPoint | undefined
  #sagas: Sagas = sagas()
  #shop: Harness | undefined

  private constructor(budget: Budget) {
    this.#left = budget
  }

  static async start(budget: Budget, fates: Fates): Promise<SagaWorld> {
    const world = new SagaWorld(budget)
    script.current = new Script()
    for (const [fate, times] of Object.entries(fates)) script.current.fail(`${fate} ${id}`, times)
    await world.#open()
    await world.shop.when(new OrderPlaced({ orderId: id, total: 1 }))
    if (fates['cancel']) await world.shop.when(new OrderCancelled({ orderId: id }))

    return world
  }

  get shop(): Harness {
    if (!this.#shop) throw new Error('The world has not begun.')

    return this.#shop
  }

  async moves(): Promise<readonly Move[]> {
    const names = [...new Set(this.#holding.held.map(nameOf))]
    const timers = (await this.#look())?.timers ?? []
    const mayWait = timers.length > 0 && (names.length === 0 || this.#left.early > 0)
    const all = mayWait ? [...names, time] : names
    if (this.#left.faults === 0) return all.map((what) => ({ what }))

    return [
      ...all.map((what) => ({ what })),
      ...names.map((what) => ({ what, fault: 'delivered again' as const })),
      ...all.flatMap((what) => crashPoints.map((fault) => ({ what, fault }))),
    ]
  }

  /** False: its fault has no place in it, so it is the same move as without. */
  async play({ what, fault }: Move): Promise<boolean> {
    this.#spend(what, fault)
    if (fault === 'delivered again') this.shop.faults.duplicate()
    else this.#planned = fault
    if (what === time) await this.#wait()
    else this.#holding.held.find((one) => nameOf(one) === what)?.give()
    await this.shop.settled()
    const isMet = this.#planned === undefined
    this.#planned = undefined
    if (isMet && fault && fault !== 'delivered again') await this.shop.advance(leaseMs)

    return isMet
  }

  /** Everything that the future depends on. */
  async state(): Promise<string> {
    const known = await this.#look()
    const now = this.shop.runtime.now()

    return JSON.stringify([
      this.#left,
      known && [known.status, known.step, known.state, known.why?.code],
      known?.steps.map(({ step, phase, attempt, status }) => [step, phase, attempt, status]),
      known?.timers.map((timer) => [timer.id, timer.dueAt.getTime() - now]),
      this.#books,
      [...this.#database.space(undefined).table('inbox')].map(([row]) => row).sort(),
      this.#holding.held.map(nameOf).sort(),
      [...script.current.runs].sort(),
    ])
  }

  /** More was given back than taken: an undo had its effect before its command. */
  get isOverdrawn(): boolean {
    return this.#books.some(({ count }) => count < 0)
  }

  /** What is wrong with it, when nothing more can happen, or is to. */
  async faults(): Promise<readonly string[]> {
    if (this.isOverdrawn) return ['something was given back that was not taken']
    const status = (await this.#look())?.status
    const taken = status === 'completed' ? 1 : 0
    const books = new Map(this.#books.map(({ row, count }) => [row, count]))
    if (status !== 'completed' && status !== 'compensated') return [`it is ${status} for ever`]

    return ['reserved', 'charged'].flatMap((what) => {
      const found = books.get(`${what} ${id}`) ?? 0

      return found === taken ? [] : [`it is ${status}, and ${what} ${found} times`]
    })
  }

  async stop(): Promise<void> {
    await this.shop.stop()
  }

  async #open(): Promise<void> {
    this.#shop = await harness({
      services: [Purchase, Stock, Payment],
      patience: '0ms',
      log: false,
      transport: (broker) => this.#holding.around(memory({ broker })),
      plugins: () => {
        this.#sagas = sagas()
        const store = crashingStore(memoryStore({ database: this.#database }), (point) => this.#dies(point))

        return [outbox(store, { lease: `${leaseMs}ms`, poll: '1s' }), this.#sagas]
      },
    })
  }

  #dies(point: StoreCrashPoint): boolean {
    if (this.#planned !== point) return false
    this.#planned = undefined
    this.shop.faults.crash({ downFor: '1ms' })

    return true
  }

  #spend(what: string, fault: Move['fault']): void {
    const isEarly = what === time && this.#holding.held.length > 0
    this.#left = { early: this.#left.early - Number(isEarly), faults: this.#left.faults - Number(fault !== undefined) }
  }

  async #wait(): Promise<void> {
    const due = (await this.#look())?.timers.map(({ dueAt }) => dueAt.getTime()) ?? []
    await this.shop.advance(Math.max(0, Math.min(...due) - this.shop.runtime.now()))
  }

  #look(): Promise<SagaDetails | undefined> {
    return this.#sagas.get('checkout', id)
  }

  get #books(): readonly Booked[] {
    return this.#database.rows('books') as readonly Booked[]
  }
}

/** The same for those that are the same to whoever gets them. */
function nameOf({ group, raw: { envelope, body } }: HeldDelivery): string {
  return `${group} ${String(envelope.type)} ${new TextDecoder().decode(body)}`
}
