import { describeFound, isRecord, nameOf } from './found.js'
import type { MarkedService } from './marked-service.js'

/** What one parameter of a constructor asks for. */
export interface Injection {
  readonly index: number
  /** A class, or the token of an `@inject`. Undefined: the compiler saw nothing there. */
  readonly token: unknown
  readonly isOptional: boolean
  readonly isMany: boolean
  readonly name: string | number | symbol | undefined
  readonly tag: { readonly key: string | number | symbol; readonly value: unknown } | undefined
}

/** What a service's constructor asks the container for. Parameters with `@Publisher` are filled by the app and left out. */
export function injectionsOf({ type, marks }: MarkedService): readonly Injection[] {
  const published = new Set(marks.publisherParameters.map(({ index }) => index))
  const stated = statedArguments(type)

  return (marks.parameterTypes ?? []).flatMap((parameter, index) => (published.has(index) ? [] : [injectionOf(index, parameter, stated[index])]))
}

/** What inversify's decorators ask for beside the constructor: a service is made by its constructor alone. */
export function extrasOf({ type }: MarkedService): readonly string[] {
  const stated = metadataOf(type)
  const lifecycle = isRecord(stated.lifecycle) ? stated.lifecycle : {}

  return [stated.properties, lifecycle.postConstructMethodNames, lifecycle.preDestroyMethodNames].flatMap((names) =>
    names instanceof Map || names instanceof Set ? [...names.keys()].map(String) : [],
  )
}

/** For people: the class, or the token as text. */
export function describeToken(token: unknown): string {
  return typeof token === 'function' ? nameOf(token) : describeFound(token)
}

function injectionOf(index: number, parameter: unknown, stated: unknown): Injection {
  const plain = { index, token: parameter, isOptional: false, isMany: false, name: undefined, tag: undefined }
  if (!isRecord(stated)) return plain
  const [tag] = stated.tags instanceof Map ? [...(stated.tags as Map<string, unknown>)] : []

  return {
    index,
    token: unwrap(stated.value ?? parameter),
    isOptional: stated.optional === true,
    isMany: 'chained' in stated,
    name: stated.name as Injection['name'],
    tag: tag && { key: tag[0], value: tag[1] },
  }
}

/** A LazyServiceIdentifier names a class that is defined later. */
function unwrap(token: unknown): unknown {
  return isRecord(token) && typeof token.unwrap === 'function' ? (token as { unwrap(): unknown }).unwrap() : token
}

// `@inject` and its sisters write here; inversify has no public way to read it for a class that it does not make itself.
const metadataKey = '@inversifyjs/core/classMetadataReflectKey'

function metadataOf(type: object): Readonly<Record<string, unknown>> {
  const found: unknown = Reflect.getOwnMetadata(metadataKey, type)

  return isRecord(found) ? found : {}
}

function statedArguments(type: object): readonly unknown[] {
  const found = metadataOf(type).constructorArguments

  return Array.isArray(found) ? found : []
}
