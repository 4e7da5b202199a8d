import type { Fault } from './fault.js'
import { describeFound, isRecord, recordsOf } from './found.js'
import type { MarkedService } from './marked-service.js'
import type { Options } from './option.js'
import type { Plugin } from './plugin.js'
import type { Store } from './store.js'
import { resolveTransaction } from './transactional.js'

/** The end of a sentence about something that needs one. */
export const noStore = 'and the app has no store. Add one: plugins: [outbox(memoryStore())] or outbox(postgres(…)).'

/** The store that a plugin brings; the first, where several do, which is a fault. */
export function storeOf(plugins: readonly Plugin[]): Store | undefined {
  return plugins.map(({ store }) => store).find(isStore)
}

/** What is wrong with what plugins bring, and with what needs a store where there is none. */
export function checkTransactions(app: Options, services: readonly MarkedService[]): readonly Fault[] {
  const plugins = recordsOf<Plugin>(Array.isArray(app.plugins) ? app.plugins : undefined)
  const stores = plugins.filter(({ store }) => store !== undefined)
  const faults = [...plugins.flatMap(({ faults: own }) => own ?? []), ...stores.flatMap(checkStore)]
  if (stores.length > 1)
    faults.push({
      code: 'SEVERAL_STORES',
      message: `createApp: ${stores.map(({ name }) => `"${name}"`).join(' and ')} each bring a store. One app has one: it could not commit in both at once.`,
    })

  return [...faults, ...services.flatMap((service) => [...checkMethods(service, stores.length > 0), ...checkNeeds(service, plugins)])]
}

function checkStore({ name, store }: Plugin): readonly Fault[] {
  if (isStore(store)) return store.faults

  return [{ code: 'STORE', message: `The plugin "${name}" takes a store, such as memoryStore() or postgres(…); found ${describeFound(store)}.` }]
}

/** Whether it has what core needs of a store. */
export function isStore(value: unknown): value is Store {
  return (
    isRecord(value) && typeof value.name === 'string' && Array.isArray(value.faults) && ['open', 'begin', 'close', 'health'].every((method) => typeof value[method] === 'function')
  )
}

function checkNeeds({ marks, isListed }: MarkedService, plugins: readonly Plugin[]): readonly Fault[] {
  return isListed ? marks.needs.filter(({ plugin }) => !plugins.some(({ name }) => name === plugin)).map(({ fault }) => fault) : []
}

function checkMethods({ label, marks }: MarkedService, hasStore: boolean): readonly Fault[] {
  return marks.transactionalMethods.flatMap(({ method, options }) => {
    const title = `${label}.${String(method)}`
    const { faults } = resolveTransaction(title, options)
    if (hasStore) return faults

    return [...faults, { code: 'NO_STORE', message: `${title} is @Transactional, ${noStore}` }]
  })
}
