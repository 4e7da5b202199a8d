import type { OutboxPage, Store } from '@waybill/core'
import type { StoreMutation } from './store-simulate.js'

interface StoreMutant {
  /** The bug, as a sentence. */
  readonly bug: string
  /** Which invariant it breaks, at the least. */
  readonly breaks: RegExp
  readonly mutation: StoreMutation
}

/** Bugs as a store could have them. */
export const storeMutants: readonly StoreMutant[] = [
  {
    bug: 'the inbox is written in another transaction than the work',
    breaks: /^I[15] /,
    mutation: (store) =>
      changed(store, {
        begin: async ({ inbox = [], ...rest }) => {
          const early = await store.begin({ inbox })
          await early.transaction.commit({ outbox: [], timers: [], replies: [] })
          const { transaction } = await store.begin(rest)

          return { transaction, verdicts: early.verdicts }
        },
      }),
  },
  {
    bug: 'what was processed is forgotten',
    breaks: /^I3 /,
    mutation: (store) =>
      changed(store, {
        begin: async ({ inbox = [], ...rest }) => ({ transaction: (await store.begin(rest)).transaction, verdicts: inbox.map(() => ({ kind: 'first' as const })) }),
      }),
  },
  {
    bug: 'messages are stored after the commit instead of with it',
    breaks: /^I5 /,
    mutation: (store) =>
      changed(store, {
        begin: async (settings) => {
          const { transaction, verdicts } = await store.begin(settings)
          const commit: typeof transaction.commit = async (last) => {
            await transaction.commit({ ...last, outbox: [] })
            await store.outbox.append(last.outbox)
          }

          return { transaction: changed(transaction, { commit }), verdicts }
        },
      }),
  },
  {
    bug: 'a rollback keeps what was written',
    breaks: /^I5 /,
    mutation: (store) =>
      changed(store, {
        begin: async (settings) => {
          const { transaction, verdicts } = await store.begin(settings)
          const rollback = async (): Promise<void> => transaction.commit({ outbox: [], timers: [], replies: [] }).catch(() => transaction.rollback())

          return { transaction: changed(transaction, { rollback }), verdicts }
        },
      }),
  },
  {
    bug: 'the cursor moves when a page is read',
    breaks: /^I5 /,
    mutation: (store) =>
      withOutbox(store, {
        page: async (lease, request) => {
          const page = await store.outbox.page(lease, request)
          if (page.rows.length > 0) await store.outbox.advance(lease, { page, done: page.rows.length, parked: [] })

          return page
        },
      }),
  },
  {
    bug: 'a page comes in the wrong order',
    breaks: /^I4 /,
    mutation: (store) =>
      withOutbox(store, {
        page: async (lease, request): Promise<OutboxPage> => {
          const page = await store.outbox.page(lease, request)

          return { ...page, rows: [...page.rows].reverse() }
        },
      }),
  },
]

function withOutbox(store: Store, over: Partial<Store['outbox']>): Store {
  return changed(store, { outbox: changed(store.outbox, over) })
}

function changed<T extends object>(inner: T, over: Partial<T>): T {
  return new Proxy(inner, {
    get: (target, name) => {
      const own: unknown = name in over ? Reflect.get(over, name) : Reflect.get(target, name, target)

      return typeof own === 'function' && !(name in over) ? own.bind(target) : own
    },
  })
}
