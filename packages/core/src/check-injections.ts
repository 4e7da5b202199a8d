import { noStore } from './check-transactions.js'
import type { Fault } from './fault.js'
import { describeToken, extrasOf, type Injection, injectionsOf } from './injection.js'
import type { MarkedService } from './marked-service.js'
import { isOfStore } from './metadata.js'

type Bound = (token: unknown, options: { readonly name?: NonNullable<Injection['name']>; readonly tag?: NonNullable<Injection['tag']> }) => boolean

/** What the constructors of an app's services ask for and the container does not have, and who waits for whom in a circle. */
export function checkInjections(services: readonly MarkedService[], isBound: Bound): readonly Fault[] {
  return [
    ...services.flatMap((service) => [...injectionsOf(service).flatMap((injection) => checkInjection(service, injection, isBound)), ...checkExtras(service)]),
    ...checkCycles(services),
  ]
}

function checkInjection(service: MarkedService, injection: Injection, isBound: Bound): readonly Fault[] {
  const { token, name, tag } = injection
  // What has no type at all is reported with the rest of the plan.
  if (token === undefined || injection.isOptional) return []
  if (isBound(token, { ...(name === undefined ? {} : { name }), ...(tag ? { tag } : {}) })) return []

  const asks = `Parameter ${injection.index + 1} of the constructor of ${service.label} asks for`
  if (isOfStore(token)) return [{ code: 'NO_STORE', message: `${asks} ${describeToken(token)}, ${noStore}` }]

  return [{ code: 'UNBOUND', message: `${asks} ${describe(token)}` }]
}

const nameless: readonly unknown[] = [Object, Function, Array, Promise]
const primitives: readonly unknown[] = [String, Number, Boolean, Symbol, BigInt]

function describe(token: unknown): string {
  if (nameless.includes(token)) {
    return `${describeToken(token)}, which is all that is left of an interface, a type, a union or an \`import type\` at run time. Name a class that is imported without \`type\`, use @Publisher(…) for a publisher, or @inject(token) with a binding in \`modules\`.`
  }
  if (primitives.includes(token)) return `a ${describeToken(token)}, which nobody can bind. Use @inject(token) with a binding in \`modules\`, or a class that holds the value.`
  if (typeof token !== 'function') return `the token ${describeToken(token)}, which no module binds. Bind it in \`modules\`: bind(…).toConstantValue(…).`

  return `${describeToken(token)}, which is neither marked @Service nor bound in \`modules\`. Mark it @Service(), or bind it.`
}

function checkExtras(service: MarkedService): readonly Fault[] {
  return extrasOf(service).map((name) => ({
    code: 'INJECTION_PLACE',
    message: `${service.label}.${name} has a decorator of inversify; a @Service class gets everything by its constructor, and nothing else is called or filled. Make it a parameter of the constructor.`,
  }))
}

function checkCycles(services: readonly MarkedService[]): readonly Fault[] {
  const byType = new Map<unknown, MarkedService>(services.map((service) => [service.type, service]))
  const done = new Set<MarkedService>()
  const faults: Fault[] = []

  const visit = (service: MarkedService, path: readonly MarkedService[]): void => {
    if (path.includes(service)) return void faults.push(cycle([...path.slice(path.indexOf(service)), service]))
    if (done.has(service)) return
    for (const { token } of injectionsOf(service)) {
      const next = byType.get(token)
      if (next) visit(next, [...path, service])
    }
    done.add(service)
  }
  for (const service of services) visit(service, [])

  return faults
}

function cycle(path: readonly MarkedService[]): Fault {
  return {
    code: 'CYCLE',
    message: `These services need each other, so none can be made first: ${path.map(({ label }) => label).join(' → ')}. Let a third class hold what they share, or send a message instead.`,
  }
}
