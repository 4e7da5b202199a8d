import { addFault, addNeed, type Delivery, Listener, Publisher, Service, WaybillError } from '@waybill/core'
import { defineSaga, messagesOf, type SagaClass, type SagaOptions } from './definition.js'
import { SagaStuck, settledOf } from './notice.js'

/** Acts on what a saga's instance hears. */
export type Hears = (message: object, delivery: Delivery) => Promise<void>

const ears = new WeakMap<object, Hears>()

/** From now on, what this instance of a saga hears goes there. */
export function attach(instance: object, hears: Hears): void {
  ears.set(instance, hears)
}

/**
 * Makes the class a saga: its field `flow` says what happens. The name is the group by which it listens, and stays with the sagas that run; all its
 * processes share the work. Add `sagas()` to the app's plugins, and an outbox with its store.
 */
export function Saga(name: string, options: SagaOptions): (target: SagaClass) => void {
  return (target) => {
    const definition = defineSaga(name, options, target)
    for (const fault of definition.faults) addFault(target, fault)
    addNeed(target, { plugin: 'sagas', fault: { code: 'NO_SAGAS', message: `${target.name} is a saga, ${noSagas}` } })
    Service(name)(target)
    if (!definition.graph) return

    const { heard, sent } = messagesOf(definition)
    const prototype: object = target.prototype
    const method: TypedPropertyDescriptor<(message: object, delivery: Delivery) => Promise<undefined>> = { configurable: true, writable: true, value: hear }
    Publisher(...sent, SagaStuck)(prototype, hearing, method)
    Listener([...heard, settledOf(name)], { concurrency: 10 })(prototype, hearing, method)
    Object.defineProperty(prototype, hearing, method)
  }
}

const noSagas = 'and its app has no sagas() among its plugins. Add it: plugins: [outbox(store), sagas()].'

/** A name that no method has. For people: `Checkout.flow.hear`. */
const hearing = 'flow.hear'

async function hear(this: object, message: object, delivery: Delivery): Promise<undefined> {
  const hears = ears.get(this)
  if (!hears) throw new WaybillError('NO_SAGAS', `${this.constructor.name} is a saga, ${noSagas}`)
  await hears(message, delivery)

  return undefined
}
