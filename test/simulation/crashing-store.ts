import type { Begun, Store, StoreTransaction } from '@waybill/core'

/** Where a process can end, seen from its store. */
export const crashPoints = ['before commit', 'after commit', 'after publish', 'after cursor moved'] as const
export type StoreCrashPoint = (typeof crashPoints)[number]

/** A store whose process ends where a simulation says so. What happens after that is not told to anybody. */
export function crashingStore(inner: Store, reached: (point: StoreCrashPoint) => boolean): Store {
  const at = async (point: StoreCrashPoint): Promise<void> => {
    if (reached(point)) await new Promise(() => undefined)
  }
  const around = (transaction: StoreTransaction): StoreTransaction => ({
    client: transaction.client,
    query: transaction.query,
    inbox: transaction.inbox,
    timers: transaction.timers,
    sagas: transaction.sagas,
    rollback: () => transaction.rollback(),
    commit: async (last) => {
      await at('before commit')
      await transaction.commit(last)
      await at('after commit')
    },
  })
  const begin = async (...[settings]: Parameters<Store['begin']>): Promise<Begun> => {
    const { transaction, verdicts } = await inner.begin(settings)

    return { transaction: around(transaction), verdicts }
  }
  const advance: Store['outbox']['advance'] = async (lease, progress) => {
    await at('after publish')
    const isOurs = await inner.outbox.advance(lease, progress)
    await at('after cursor moved')

    return isOurs
  }

  return {
    name: inner.name,
    faults: inner.faults,
    query: inner.query,
    inbox: inner.inbox,
    timers: inner.timers,
    sagas: inner.sagas,
    outbox: withAdvance(inner.outbox, advance),
    begin,
    open: (host) => inner.open(host),
    join: (foreign) => inner.join(foreign),
    isConflict: (error) => inner.isConflict(error),
    health: () => inner.health(),
    close: (deadlineMs) => inner.close(deadlineMs),
  }
}

function withAdvance(outbox: Store['outbox'], advance: Store['outbox']['advance']): Store['outbox'] {
  return new Proxy(outbox, {
    get: (target, name) => {
      const own: unknown = name === 'advance' ? advance : Reflect.get(target, name, target)

      return typeof own === 'function' ? own.bind(target) : own
    },
  })
}
