import { DeadLetter, type Delivery, Retry } from '@waybill/core'
import { type History, history, seededRandom } from '@waybill/testing'

export interface Step {
  readonly customer: string
  readonly n: number
}

/** The groups of the flow: where each listens, whether in order, whether behind a dead one too, and who sends to it. */
export const groups = {
  orders: { channel: 'orders', keyed: true, parks: false, after: undefined },
  stock: { channel: 'orders', keyed: true, parks: true, after: 'orders' },
  payment: { channel: 'payment', keyed: false, parks: false, after: 'stock' },
  audit: { channel: 'stock', keyed: false, parks: false, after: 'stock' },
} as const
export type GroupName = keyof typeof groups
export const groupNames = Object.keys(groups) as readonly GroupName[]

/** What the services of a simulation do and what is remembered of it. */
export class World {
  readonly histories: Readonly<Record<GroupName, History>> = { orders: history(), stock: history(), payment: history(), audit: history() }
  readonly processed: Readonly<Record<GroupName, Set<string>>> = { orders: new Set(), stock: new Set(), payment: new Set(), audit: new Set() }
  readonly faults: string[] = []
  readonly #sent = new Set<string>()
  readonly #seed: number
  readonly #sleep: (ms: number) => Promise<void>

  constructor(seed: number, sleep: (ms: number) => Promise<void>) {
    this.#seed = seed
    this.#sleep = sleep
  }

  fault(sentence: string): void {
    this.faults.push(sentence)
  }

  /** Somebody is about to send this. Whether the broker has it is known when its cause is acknowledged. */
  sent(group: GroupName, step: Step): void {
    this.#sent.add(`${group} ${idOf(step)}`)
    this.histories[group].attempted(idOf(step))
    if (groups[group].after !== undefined) this.histories[group].unknown(idOf(step))
  }

  knows(group: GroupName, id: string): boolean {
    return this.#sent.has(`${group} ${id}`)
  }

  /** What a listener does with a message: takes time, fails now and then, or always, or wants it again much later. */
  async work(group: GroupName, step: Step, { attempt }: Delivery): Promise<void> {
    const chance = seededRandom(`${this.#seed} ${group} ${idOf(step)}`)
    const fate = chance.next()
    if (chance.chance(0.7)) await this.#sleep(chance.between(1, 60))
    if (fate < 0.02) throw new DeadLetter('never')
    if (fate < 0.04) throw new Error('never')
    if (fate < 0.2 && attempt <= 2) throw new Error('not yet')
    if (fate < 0.25 && attempt === 1) throw new Retry({ after: chance.pick(['2s', '5s', '20s']) })

    const { after } = groups[group]
    if (after !== undefined && !this.processed[after].has(idOf(step))) this.fault(`I2 ${group} processed ${idOf(step)}, which ${after} has not done`)
    this.processed[group].add(idOf(step))
    this.histories[group].processed({ id: idOf(step), group, ...(groups[group].keyed ? { key: step.customer, sequence: step.n } : {}) })
  }
}

export function idOf({ customer, n }: Step): string {
  return `${customer}/${n}`
}
