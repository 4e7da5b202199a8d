import { outbox } from '@waybill/outbox'
import { type MemoryDatabase, memoryDatabase, memoryStore } from '@waybill/store-memory'
import { type Harness, harness, type Random, seededRandom } from '@waybill/testing'
import { crashingStore, crashPoints, type StoreCrashPoint } from './crashing-store.js'
import { Customers, Desk, type Done, Storehouse } from './store-flow.js'

/** Which bug is planted; none where it is undefined. */
export type StoreMutation = (store: ReturnType<typeof memoryStore>) => ReturnType<typeof memoryStore>

export interface StoreSimulated {
  readonly seed: number
  readonly violations: readonly string[]
  /** How often a process ended at each of the points. */
  readonly crashes: ReadonlyMap<StoreCrashPoint, number>
  readonly history: string
}

/** Two services on one database, each in two processes that end at chosen points of their store, and what must hold afterwards. */
export async function simulateStore(seed: number, mutation: StoreMutation = (store) => store): Promise<StoreSimulated> {
  const run = new StoreRun(seed, mutation)
  await run.start()
  const violations = await run.play().catch((error: unknown) => [`I6 ${error instanceof Error ? error.message : String(error)}`])
  await run.stop()

  return { seed, violations, crashes: run.crashes, history: run.history }
}

class StoreRun {
  readonly crashes = new Map<StoreCrashPoint, number>()
  readonly #seed: number
  readonly #chance: Random
  readonly #mutation: StoreMutation
  readonly #database: MemoryDatabase = memoryDatabase()
  readonly #confirmed = new Set<string>()
  readonly #sent = new Set<string>()
  readonly #processes: Harness[] = []
  #front: Harness | undefined
  #planned: StoreCrashPoint | undefined

  constructor(seed: number, mutation: StoreMutation) {
    this.#seed = seed
    this.#mutation = mutation
    this.#chance = seededRandom(`${seed} store`)
  }

  get front(): Harness {
    if (!this.#front) throw new Error('The simulation has not started.')

    return this.#front
  }

  get history(): string {
    return this.front.journal.join('\n')
  }

  async start(): Promise<void> {
    this.#front = await harness({ name: 'front', services: [Customers], seed: this.#seed, patience: '0ms' })
    for (const [name, service] of [
      ['desk-1', Desk],
      ['desk-2', Desk],
      ['store-1', Storehouse],
      ['store-2', Storehouse],
    ] as const) {
      const process: Harness = await harness({
        name,
        services: [service],
        beside: this.front,
        shutdown: '5s',
        plugins: () => [
          outbox(
            this.#store(() => process),
            { lease: '2s', page: 5 },
          ),
        ],
      })
      this.#processes.push(process)
    }
  }

  async play(): Promise<readonly string[]> {
    const numbers = new Map<string, number>()
    for (let round = 0; round < 8; round++) {
      for (let count = this.#chance.between(0, 4); count > 0; count--) this.#order(numbers)
      this.#strike()
      await this.front.advance(this.#chance.between(0, 900))
    }
    await this.#calm()

    return this.#judge()
  }

  async stop(): Promise<void> {
    for (const process of [...this.#processes, this.front]) await process.stop()
  }

  #store(process: () => Harness): ReturnType<typeof memoryStore> {
    return this.#mutation(
      crashingStore(memoryStore({ database: this.#database }), (point) => {
        if (this.#planned !== point) return false
        this.#planned = undefined
        this.crashes.set(point, (this.crashes.get(point) ?? 0) + 1)
        process().faults.crash({ downFor: `${this.#chance.between(1, 3_000)}ms` })

        return true
      }),
    )
  }

  #order(numbers: Map<string, number>): void {
    const customer = this.#chance.pick(['ann', 'bob', 'cleo'])
    const n = (numbers.get(customer) ?? 0) + 1
    numbers.set(customer, n)
    const id = `${customer}/${n}`
    this.#sent.add(id)
    const fails = this.#chance.chance(0.2) ? this.#chance.between(1, 2) : 0
    this.front
      .get(Customers)
      .take({ customer, n, fails })
      .then(
        () => this.#confirmed.add(id),
        () => undefined,
      )
  }

  #strike(): void {
    const { broker } = this.front
    const fate = this.#chance.next()
    if (fate < 0.6) this.#planned = this.#chance.pick(crashPoints)
    else if (fate < 0.7) this.#database.disconnect()
    else if (fate < 0.78) this.#database.loseCommits(1)
    else if (fate < 0.84) broker.disconnect()
    else if (fate < 0.9) broker.loseConfirms(this.#chance.between(1, 3))
    else if (fate < 0.95) this.#chance.pick(this.#processes).faults.duplicate({ times: 2 })
  }

  async #calm(): Promise<void> {
    this.#planned = undefined
    for (const { faults } of this.#processes) faults.heal()
    for (let looks = 0; looks < 6; looks++) {
      await this.front.settled({ within: '30m' })
      await this.front.advance('5s')
      if (this.#rows('desk').length === this.#rows('store').length) return
    }
  }

  #judge(): readonly string[] {
    const [desk, store] = [this.#rows('desk'), this.#rows('store')]
    const [taken, kept] = [new Set(desk.map(idOf)), new Set(store.map(idOf))]

    return [
      ...[...this.#confirmed].filter((id) => !taken.has(id)).map((id) => `I1 ${id} was confirmed, and the desk has no row of it`),
      ...[...taken].filter((id) => !this.#sent.has(id)).map((id) => `I2 the desk has ${id}, which was never sent`),
      ...[...desk, ...store].filter(({ times }) => times !== 1).map((done) => `I3 ${idOf(done)} had its effect ${done.times} times`),
      ...[...outOfOrder(desk), ...outOfOrder(store)].map((id) => `I4 ${id} came after a later one of its key`),
      ...[...taken].filter((id) => !kept.has(id)).map((id) => `I5 ${id} has a row, and its message is lost`),
      ...[...kept].filter((id) => !taken.has(id)).map((id) => `I5 ${id} has a message, and no row`),
      ...(this.#database.open > 0 ? [`I7 ${this.#database.open} transactions are left open`] : []),
    ]
  }

  #rows(table: string): readonly Done[] {
    return this.#database.rows(table) as readonly Done[]
  }
}

function idOf({ customer, n }: Done): string {
  return `${customer}/${n}`
}

function outOfOrder(rows: readonly Done[]): readonly string[] {
  return rows.filter((one) => rows.some((other) => other.customer === one.customer && other.n > one.n && other.place < one.place)).map(idOf)
}
