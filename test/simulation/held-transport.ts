import type { RawDelivery, Transport } from '@waybill/core'

/** A delivery that has come, and that nobody has been given yet. */
export interface HeldDelivery {
  readonly group: string
  readonly raw: RawDelivery
  give(): void
}

/** Holds what the broker delivers, so that a test chooses what comes next. */
export class Holding {
  #held: HeldDelivery[] = []

  /** Without those whose connection is gone: the broker delivers them again. */
  get held(): readonly HeldDelivery[] {
    this.#held = this.#held.filter(({ raw }) => !raw.isStale)

    return this.#held
  }

  around(inner: Transport): Transport {
    const subscribe: Transport['subscribe'] = (subscription, deliver) => {
      if (subscription.kind === 'replies') return inner.subscribe(subscription, deliver)

      return inner.subscribe(subscription, (raws) => this.#held.push(...raws.map((raw) => this.#hold(subscription.group, raw, () => deliver([raw])))))
    }

    return new Proxy(inner, {
      get: (target, name) => {
        const own: unknown = name === 'subscribe' ? subscribe : Reflect.get(target, name, target)

        return typeof own === 'function' ? own.bind(target) : own
      },
    })
  }

  #hold(group: string, raw: RawDelivery, deliver: () => void): HeldDelivery {
    const held: HeldDelivery = {
      group,
      raw,
      give: () => {
        this.#held = this.#held.filter((one) => one !== held)
        deliver()
      },
    }

    return held
  }
}
