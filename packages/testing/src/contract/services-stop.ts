import assert from 'node:assert/strict'
import { Listener, PublishError, Service, type App } from '@waybill/core'
import { type History, history } from '../history.js'
import type { Bench } from './bench.js'
import type { Scenario } from './contract-case.js'
import { OrderMoved, OrderPlaced } from './shop-messages.js'

const keys = 8
const group = 'billing'

/** The same decorated services on every transport: processes that end in the middle of a flow. */
export const servicesStop: readonly Scenario[] = [
  {
    title: 'S1 S12 processes that follow one another under load lose no message and turn no key around',
    needs: ['keyOrder'],
    async run(bench) {
      const flow = new Flow()
      let working = await bench.start([flow.service(bench)])
      const front = await bench.start([], { name: `${bench.appName}-front` })

      for (let round = 1; round <= 3; round++) {
        const sent = flow.send(front, 120)
        await bench.eventually(`round ${round} is under way`, () => flow.done >= (round - 1) * 120 + 10)
        const next = await bench.start([flow.service(bench)])
        await working.stop()
        working = next
        await sent
      }
      await flow.drained(bench)

      flow.assertSound()
    },
  },
  {
    title: 'S1 what is sent while no process works is done by the next one, in order, and on a queue once',
    needs: ['keyOrder'],
    async run(bench) {
      const flow = new Flow()
      const first = await bench.start([flow.service(bench)])
      const front = await bench.start([], { name: `${bench.appName}-front` })

      const sent = flow.send(front, 200)
      await bench.eventually('some are done', () => flow.done >= 20)
      await first.stop()
      await sent
      const doneBefore = flow.done
      await bench.start([flow.service(bench)])
      await flow.drained(bench)

      assert.ok(doneBefore < 200, `The stop was in the middle; ${doneBefore} of 200 were done before.`)
      flow.assertSound()
      // A log commits a prefix: what was done beyond the first message that was not comes again.
      if ((await bench.peer()).capabilities.kind === 'queue') assert.deepEqual(flow.verdict.duplicated, [], 'A graceful stop repeats nothing.')
    },
  },
]

/** Messages with a key and without, in equal numbers, and what became of each. */
class Flow {
  readonly #history: History = history()
  readonly #steps = new Map<string, number>()
  readonly #confirmed = new Set<string>()
  readonly #done = new Set<string>()

  get done(): number {
    return this.#done.size
  }

  get verdict(): ReturnType<History['check']> {
    return this.#history.check({ groups: [group] })
  }

  service(bench: Bench): Parameters<Bench['start']>[0][number] {
    const work = (id: string, order: { readonly key?: string; readonly sequence?: number }): Promise<void> => this.#work(bench, id, order)

    @Service(group)
    class Billing {
      @Listener(OrderMoved, { concurrency: 4 })
      moved({ orderId, step }: OrderMoved): Promise<void> {
        return work(`${orderId}/${step}`, { key: orderId, sequence: step })
      }

      @Listener(OrderPlaced, { concurrency: 4 })
      placed({ orderId }: OrderPlaced): Promise<void> {
        return work(orderId, {})
      }
    }

    return Billing
  }

  /** Half of them with a key. One after another within a key, or nothing could be said about their order. */
  async send(front: App, count: number): Promise<void> {
    const lines = Array.from({ length: keys }, (_, key) => this.#sendLine(front, `k${key}`, count / 2 / keys))
    await Promise.all([...lines, this.#sendUnkeyed(front, count / 2)])
  }

  /** Each confirmed message is done. */
  drained(bench: Bench): Promise<void> {
    return bench.eventually(
      'each confirmed message is done',
      () => [...this.#confirmed].every((id) => this.#done.has(id)),
      () => this.verdict.describe(),
    )
  }

  assertSound(): void {
    const { lost, reordered, unexpected, contradicted, unsettled } = this.verdict
    assert.deepEqual({ lost, reordered, unexpected, contradicted, unsettled }, { lost: [], reordered: [], unexpected: [], contradicted: [], unsettled: [] })
  }

  async #work(bench: Bench, id: string, order: { readonly key?: string; readonly sequence?: number }): Promise<void> {
    await new Promise<void>((resolve) => void bench.runtime.after(3, resolve))
    this.#done.add(id)
    this.#history.processed({ id, group, ...order })
  }

  async #sendLine(front: App, orderId: string, count: number): Promise<void> {
    for (let sent = 0; sent < count; sent++) {
      const step = (this.#steps.get(orderId) ?? 0) + 1
      this.#steps.set(orderId, step)
      await this.#send(front, `${orderId}/${step}`, new OrderMoved({ orderId, step }))
    }
  }

  async #sendUnkeyed(front: App, count: number): Promise<void> {
    for (let sent = 0; sent < count; sent++) {
      const step = (this.#steps.get('') ?? 0) + 1
      this.#steps.set('', step)
      await this.#send(front, `u${step}`, new OrderPlaced({ orderId: `u${step}`, total: step }))
    }
  }

  async #send(front: App, id: string, message: OrderMoved | OrderPlaced): Promise<void> {
    this.#history.attempted(id)
    try {
      await front.publish(message)
      this.#confirmed.add(id)
      this.#history.confirmed(id)
    } catch (error) {
      if (error instanceof PublishError && error.code === 'UNKNOWN') this.#history.unknown(id)
      else this.#history.rejected(id)
    }
  }
}
