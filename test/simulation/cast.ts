import type { AppOptions, Transport } from '@waybill/core'
import { type Harness, harness, type Random } from '@waybill/testing'
import { memory, type MemoryBroker } from '@waybill/transport-memory'
import { ContainerModule } from 'inversify'
import { Audit, Front, Orders, Payment, Stock } from './flow.js'
import { World } from './world.js'

/** A bug that is planted on purpose, between core and the broker. */
export type Mutation = (transport: Transport) => Transport

/** The processes of the flow: one that orders, and those that work, one service with two of them. */
export class Cast {
  readonly world: World
  #front: Harness
  #services: Harness[] = []
  readonly #mutation: Mutation

  private constructor(front: Harness, world: World, mutation: Mutation) {
    this.#front = front
    this.world = world
    this.#mutation = mutation
  }

  static async start(seed: number, mutation: Mutation): Promise<Cast> {
    const front = await harness({ name: 'front', services: [Front], channels, seed, patience: '0ms', transport: (broker) => mutation(memory({ broker })) })
    const cast = new Cast(front, new World(seed, (ms) => front.sleep(ms)), mutation)
    for (const name of Object.keys(casting)) cast.#services.push(await cast.#hire(name))

    return cast
  }

  get all(): readonly Harness[] {
    return [this.#front, ...this.#services]
  }

  get front(): Harness {
    return this.#front
  }

  get services(): readonly Harness[] {
    return this.#services
  }

  get broker(): MemoryBroker {
    return this.#front.broker
  }

  /** A process ends in peace, and another one of its services begins, as in a rolling update: after it, or while it still works. */
  async replaceOne(chance: Random): Promise<void> {
    const at = chance.between(0, this.#services.length - 1)
    const leaving = this.#services[at] as Harness
    const name = Object.keys(casting)[at] as string
    const isEarly = chance.chance(0.5)
    if (isEarly) this.#services[at] = await this.#hire(name)
    await leaving.stop()
    if (!isEarly) this.#services[at] = await this.#hire(name)
  }

  async stop(): Promise<void> {
    for (const one of this.all) await one.stop()
  }

  #hire(name: string): Promise<Harness> {
    return harness({
      name,
      services: casting[name] ?? [],
      beside: this.#front,
      channels,
      shutdown: '5s',
      publishDeadline: '2s',
      modules: [new ContainerModule(({ bind }) => void bind(World).toConstantValue(this.world))],
      transport: (broker) => this.#mutation(memory({ broker })),
    })
  }
}

const casting: Readonly<Record<string, AppOptions['services']>> = { orders: [Orders], 'stock-1': [Stock], 'stock-2': [Stock], payment: [Payment, Audit] }

/** Short queues, so that the broker refuses now and then. */
const channels: NonNullable<AppOptions['channels']> = { orders: { queue: { arguments: { 'x-max-length': 10 } } } }
