import { outbox } from '@waybill/outbox'
import { type Sagas, sagas } from '@waybill/saga'
import { type MemoryDatabase, memoryDatabase, memoryStore } from '@waybill/store-memory'
import { type Harness, harness, type Random, seededRandom } from '@waybill/testing'
import { type Booked, Checkout, OrderConfirmed, OrderPlaced, OrderRejected, Payment, Script, script, Shipping, Stock } from '../saga/shop.js'
import { crashingStore, crashPoints, type StoreCrashPoint } from './crashing-store.js'

export interface SagasSimulated {
  readonly seed: number
  readonly violations: readonly string[]
  readonly completed: number
  readonly compensated: number
  /** Everything that happened to each saga, with its moment. */
  readonly history: string
  /** How often a process ended at each of the points. */
  readonly crashes: ReadonlyMap<StoreCrashPoint, number>
}

const services = [Checkout, Stock, Payment, Shipping]

/** Two processes on one database that end at chosen points, participants that refuse, fail and stay silent, and what must hold afterwards. */
export async function simulateSagas(seed: number): Promise<SagasSimulated> {
  const run = new SagaRun(seed)
  await run.start()
  const violations = await run.play().catch((error: unknown) => [`I6 ${error instanceof Error ? error.message : String(error)}`])
  const [[completed, compensated], history] = [run.ends, await run.history()]
  await run.stop()

  return { seed, violations, completed, compensated, history, crashes: run.crashes }
}

class SagaRun {
  readonly crashes = new Map<StoreCrashPoint, number>()
  readonly #seed: number
  readonly #chance: Random
  readonly #database: MemoryDatabase = memoryDatabase()
  readonly #placed = new Set<string>()
  readonly #started = new Set<string>()
  readonly #processes: Harness[] = []
  #front: Harness | undefined
  #operator: Sagas = sagas()
  #planned: StoreCrashPoint | undefined
  #ended = new Map<string, string>()

  constructor(seed: number) {
    this.#seed = seed
    this.#chance = seededRandom(`${seed} saga`)
  }

  get front(): Harness {
    if (!this.#front) throw new Error('The simulation has not started.')

    return this.#front
  }

  get ends(): readonly [completed: number, compensated: number] {
    const all = [...this.#ended.values()]

    return [all.filter((status) => status === 'completed').length, all.filter((status) => status === 'compensated').length]
  }

  async start(): Promise<void> {
    script.current = new Script()
    this.#front = await harness({ name: 'front', services: [], seed: this.#seed, patience: '0ms', log: false })
    for (const name of ['shop-1', 'shop-2']) {
      const process: Harness = await harness({
        name,
        services,
        beside: this.front,
        shutdown: '5s',
        log: false,
        plugins: () => {
          this.#operator = sagas()

          return [
            outbox(
              this.#store(() => process),
              { lease: '2s', page: 5, poll: '1s' },
            ),
            this.#operator,
          ]
        },
      })
      this.#processes.push(process)
    }
  }

  async play(): Promise<readonly string[]> {
    for (let n = 0; n < 6; n++) {
      this.#order(`o-${n}`)
      this.#strike()
      await this.front.advance(this.#chance.between(0, 12_000))
    }
    await this.#calm()

    return this.#judge()
  }

  async history(): Promise<string> {
    const told = [...this.#ended.keys()].sort().map(async (id) => [id, await this.#operator.timeline('checkout', id)])

    return JSON.stringify(await Promise.all(told))
  }

  async stop(): Promise<void> {
    for (const process of [...this.#processes, this.front]) await process.stop()
  }

  #store(process: () => Harness): ReturnType<typeof memoryStore> {
    return crashingStore(memoryStore({ database: this.#database }), (point) => {
      if (this.#planned !== point) return false
      this.#planned = undefined
      this.crashes.set(point, (this.crashes.get(point) ?? 0) + 1)
      process().faults.crash({ downFor: `${this.#chance.between(1, 40_000)}ms` })

      return true
    })
  }

  #order(orderId: string): void {
    const fates = ['refuse reserve', 'mute reserve', 'break reserve', 'refuse charge', 'break charge', 'break ship', 'break release', 'break refund']
    for (const fate of fates) if (this.#chance.chance(0.2)) script.current.fail(`${fate} ${orderId}`, this.#chance.between(1, 4))
    const placed = new OrderPlaced({ orderId, total: 1 })
    this.#placed.add(orderId)
    const place = (): void =>
      void this.front.app.publish(placed).then(
        () => this.#started.add(orderId),
        () => undefined,
      )
    place()
    if (this.#chance.chance(0.2)) place()
  }

  #strike(): void {
    const fate = this.#chance.next()
    if (fate < 0.6) this.#planned = this.#chance.pick(crashPoints)
    else if (fate < 0.7) this.#database.disconnect()
    else if (fate < 0.78) this.#database.loseCommits(1)
    else if (fate < 0.84) this.front.broker.disconnect()
    else if (fate < 0.9) this.front.broker.loseConfirms(this.#chance.between(1, 3))
    else if (fate < 0.97) this.#chance.pick(this.#processes).faults.duplicate({ times: 2 })
  }

  async #calm(): Promise<void> {
    this.#planned = undefined
    for (const { faults } of this.#processes) faults.heal()
    // Also one whose start was never confirmed runs, and what ends last is still looked at.
    for (let looks = 0, ended = 0; looks < 60 && ended < 2; looks++) {
      await this.front.advance('1m')
      this.#ended = new Map((await this.#operator.list({ limit: 1_000 })).map(({ id, status }) => [id, status]))
      ended = [...this.#started].every((id) => this.#ended.has(id)) && [...this.#ended.values()].every(isOver) ? ended + 1 : 0
    }
  }

  #judge(): readonly string[] {
    const books = new Map((this.#database.rows('books') as readonly Booked[]).map(({ row, count }) => [row, count]))
    const said = new Map<string, number>()
    for (const { orderId } of this.#processes.flatMap((process) => [...process.published(OrderConfirmed), ...process.published(OrderRejected)]))
      said.set(orderId, (said.get(orderId) ?? 0) + 1)

    return [
      ...[...this.#started].filter((id) => !this.#ended.has(id)).map((id) => `I1 ${id} was placed, and no saga is there`),
      ...[...this.#ended.keys()].filter((id) => !this.#placed.has(id)).map((id) => `I2 ${id} runs, and nobody placed it`),
      ...[...this.#ended].filter(([, status]) => !isOver(status)).map(([id, status]) => `I6 ${id} is ${status} for ever`),
      ...[...this.#ended].flatMap(([id, status]) => unbalanced(id, status, books)),
      ...[...this.#ended.keys()].filter((id) => !said.has(id)).map((id) => `I5 ${id} ended, and nobody was told`),
      ...(this.#database.open > 0 ? [`I7 ${this.#database.open} transactions are left open`] : []),
    ]
  }
}

function isOver(status: string): boolean {
  return status === 'completed' || status === 'compensated'
}

function unbalanced(id: string, status: string, books: ReadonlyMap<string, number>): readonly string[] {
  return ['reserved', 'charged', 'shipped']
    .map((what) => [`${what} ${id}`, status === 'completed' ? 1 : 0] as const)
    .filter(([row, expected]) => (books.get(row) ?? 0) !== expected)
    .map(([row, expected]) => `I3 ${id} is ${status}, and of "${row}" ${books.get(row) ?? 0} is taken, not ${expected}`)
}
