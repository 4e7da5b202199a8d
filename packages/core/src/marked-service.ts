import { nameOf } from './found.js'
import { injectionsOf } from './injection.js'
import { metadataOf, type ServiceMetadata } from './metadata.js'
import type { ServiceClass } from './plan.js'

/** A class with what its decorators wrote on it. */
export interface MarkedService {
  readonly type: ServiceClass
  /** For people: `Orders`. */
  readonly label: string
  /** What `@Service` calls it. */
  readonly serviceName: string | undefined
  readonly marks: ServiceMetadata
  /** Stands in the app's `services`: its listeners run. */
  readonly isListed: boolean
}

/** The classes among the app's `services`, each once. What is no class is left out; that is a fault of its own. */
export function listedServices(given: unknown): readonly MarkedService[] {
  const types = Array.isArray(given) ? (given as readonly unknown[]).filter(isClass) : []

  return [...new Set(types)].map((type) => read(type, true))
}

/** Those and every class with decorators of ours that their constructors name, directly or through another. */
export function reachableServices(listed: readonly MarkedService[]): readonly MarkedService[] {
  const found = new Map<unknown, MarkedService>(listed.map((service) => [service.type, service]))
  for (const service of found.values()) {
    for (const { token: type } of injectionsOf(service)) {
      if (found.has(type) || !isClass(type)) continue
      const other = read(type, false)
      if (other.marks.service || other.marks.listeners.length > 0) found.set(type, other)
    }
  }

  return [...found.values()]
}

export function isClass(value: unknown): value is ServiceClass {
  return typeof value === 'function' && typeof value.prototype === 'object'
}

function read(type: ServiceClass, isListed: boolean): MarkedService {
  const marks = metadataOf(type)
  const name = marks.service?.name

  return { type, label: nameOf(type), serviceName: typeof name === 'string' ? name : undefined, marks, isListed }
}
