import type { Begun, RawDelivery, Store, Transport } from '@waybill/core'

/** Where a process ends, as by a cut of its power. */
type Point = 'before-commit' | 'after-commit' | 'after-publish' | 'after-cursor' | 'settle'

/** Ends this process when it is at the point for the nth time. */
export class Killer {
  readonly #point: string
  #left: number

  constructor(point: string, nth: number) {
    this.#point = point
    this.#left = nth
  }

  at(point: Point): void {
    if (point !== this.#point || --this.#left > 0) return
    console.log(`killed ${point}`)
    process.kill(process.pid, 'SIGKILL')
  }
}

export function mortalStore(store: Store, killer: Killer): Store {
  const outbox = over(store.outbox, {
    async advance(lease, progress) {
      const isOurs = await store.outbox.advance(lease, progress)
      killer.at('after-cursor')

      return isOurs
    },
  })
  const begin: Store['begin'] = async (settings): Promise<Begun> => {
    const { transaction, verdicts } = await store.begin(settings)
    const mortal = over(transaction, {
      async commit(last) {
        killer.at('before-commit')
        await transaction.commit(last)
        killer.at('after-commit')
      },
    })

    return { transaction: mortal, verdicts }
  }

  return over(store, { outbox, begin })
}

export function mortalTransport(transport: Transport, killer: Killer): Transport {
  return over(transport, {
    publish: (batch, settled) =>
      transport.publish(batch, (index, outcome) => {
        killer.at('after-publish')
        settled(index, outcome)
      }),
    subscribe: (subscription, deliver) => transport.subscribe(subscription, (deliveries) => deliver(deliveries.map((delivery) => mortalDelivery(delivery, killer)))),
  })
}

function mortalDelivery(delivery: RawDelivery, killer: Killer): RawDelivery {
  return over(delivery, {
    settle(settlement) {
      killer.at('settle')
      delivery.settle(settlement)
    },
  })
}

/** The same thing with some of its members in other hands. */
function over<T extends object>(whole: T, parts: Partial<T>): T {
  return new Proxy(whole, {
    get(target, name) {
      if (name in parts) return Reflect.get(parts, name)
      const found: unknown = Reflect.get(target, name, target)

      return typeof found === 'function' ? found.bind(target) : found
    },
  })
}
