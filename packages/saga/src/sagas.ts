import { ConfigError, type Delivery, type Fault, type Middleware, type Plan, type PluginHost, WaybillError } from '@waybill/core'
import { checkAnswers } from './check-flow.js'
import { definitionOfSaga, type SagaDefinition } from './definition.js'
import { Engine, type Head } from './engine.js'
import { graphOf } from './flow.js'
import { Operator, type Sagas } from './operator.js'
import { Participant } from './participant.js'
import { attach } from './saga.js'
import { type Version, Versions } from './versions.js'
import { Watch } from './watch.js'

/**
 * Runs the classes marked `@Saga` among an app's services, and does for listeners that take commands of sagas, of this app or another, what these would
 * otherwise have to know. Needs an outbox with its store. Every app that takes part has it.
 */
export function sagas(): Sagas {
  return new SagasPlugin()
}

class SagasPlugin implements Sagas {
  readonly name = 'sagas'
  readonly middleware: Middleware = { listen: (call, next) => this.#listen(call, next) }
  readonly #heads = new WeakMap<Delivery, Head>()
  readonly #engines = new Map<string, Engine>()
  #participant: Participant | undefined
  #operator: Operator | undefined
  #watch: Watch | undefined

  check(plan: Plan, hasStore: boolean): readonly Fault[] {
    return definitionsOf(plan).flatMap((definition) => [
      ...(definition.graph ? checkAnswers(definition.name, definition.graph, plan) : []),
      ...(hasStore ? [] : [noStore(definition)]),
    ])
  }

  open(host: PluginHost): void {
    this.#participant = new Participant(host)
  }

  async start(host: PluginHost): Promise<void> {
    const { transactions } = host
    if (!transactions) return
    this.#operator = new Operator(this.#engines, transactions)
    const faults: Fault[] = []
    for (const definition of definitionsOf(host.plan)) {
      const versions = new Versions([versionFor(definition, host), ...definition.earlier.map((one) => versionFor(one, host))])
      const engine = new Engine(versions, host, transactions)
      faults.push(...(await versions.faults(transactions.store.sagas)))
      this.#engines.set(engine.name, engine)
      attach(host.get(definition.type), (message, delivery) => engine.hear(message, this.#heads.get(delivery)))
      transactions.onTimer(engine.target, (timer) => engine.fired(timer))
    }
    if (faults.length > 0) throw new ConfigError(faults)
    this.#watch = new Watch(host, transactions.store, [...this.#engines.keys()])
    this.#watch.start()
  }

  stop(): void {
    this.#watch?.stop()
    this.#operator = undefined
  }

  list: Sagas['list'] = (...args) => this.#running('list').list(...args)
  get: Sagas['get'] = (...args) => this.#running('get').get(...args)
  timeline: Sagas['timeline'] = (...args) => this.#running('timeline').timeline(...args)
  stuck: Sagas['stuck'] = (...args) => this.#running('stuck').stuck(...args)
  retry: Sagas['retry'] = (...args) => this.#running('retry').retry(...args)
  skip: Sagas['skip'] = (...args) => this.#running('skip').skip(...args)
  compensate: Sagas['compensate'] = (...args) => this.#running('compensate').compensate(...args)
  cancel: Sagas['cancel'] = (...args) => this.#running('cancel').cancel(...args)
  patch: Sagas['patch'] = (...args) => this.#running('patch').patch(...args)
  migrate: Sagas['migrate'] = (...args) => this.#running('migrate').migrate(...args)
  graph: Sagas['graph'] = (...args) => this.#running('graph').graph(...args)
  mermaid: Sagas['mermaid'] = (...args) => this.#running('mermaid').mermaid(...args)
  purge: Sagas['purge'] = (...args) => this.#running('purge').purge(...args)

  #listen(...[call, next]: Parameters<NonNullable<Middleware['listen']>>): Promise<unknown> {
    const [head] = call.heads
    if (head) this.#heads.set(call.delivery, head)

    return this.#participant ? this.#participant.listen(call, next) : next()
  }

  #running(verb: string): Operator {
    if (this.#operator) return this.#operator

    throw new WaybillError('NOT_STARTED', `sagas.${verb} needs a running app with this plugin and a store. Await app.start() first.`)
  }
}

function definitionsOf(plan: Plan): readonly SagaDefinition[] {
  return plan.services.flatMap(({ type }) => definitionOfSaga(type) ?? [])
}

/** With the functions of an instance that has its dependencies. */
function versionFor(definition: SagaDefinition, host: PluginHost): Version {
  const graph = graphOf(host.get(definition.type).flow)
  if (graph) return { definition, graph }

  throw new WaybillError('SAGA_FLOW', `The flow of ${definition.type.name} is another one than when it was defined: it does not end. Write it as a field that depends on nothing.`)
}

function noStore({ name }: SagaDefinition): Fault {
  return { code: 'NO_STORE', message: `The saga "${name}" keeps what it knows in a store, and the app has none. Add one: plugins: [outbox(memoryStore()), sagas()].` }
}
