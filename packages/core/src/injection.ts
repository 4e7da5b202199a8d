import { describeFound, isRecord, nameOf } from './found.js'
import { inversifyMetadataOf } from './inversify-metadata.js'
import type { ServiceMetadata } from './metadata.js'

/** What one parameter of a constructor asks for. */
export interface Injection {
  readonly index: number
  /** A class, or the token of an `@inject`. Undefined: there was nothing at run time. */
  readonly token: unknown
  /** False: neither the compiler nor an `@inject` says what it asks for. */
  readonly isStated: boolean
  readonly isOptional: boolean
  readonly isMany: boolean
  readonly name: string | number | symbol | undefined
  readonly tag: { readonly key: string | number | symbol; readonly value: unknown } | undefined
}

/** What a service's constructor asks the container for. Parameters with `@Publisher` are filled by the app and left out. */
export function injectionsOf({ marks }: { readonly marks: ServiceMetadata }): readonly Injection[] {
  const published = new Set(marks.publisherParameters.map(({ index }) => index))

  return Array.from({ length: marks.parameterCount }, (_, index) => injectionOf(marks, index)).filter(({ index }) => !published.has(index))
}

/** What inversify's decorators ask for beside the constructor: a service is made by its constructor alone. */
export function extrasOf({ type }: { readonly type: object }): readonly string[] {
  const stated = inversifyMetadataOf(type)
  const lifecycle = isRecord(stated.lifecycle) ? stated.lifecycle : {}

  return [stated.properties, lifecycle.postConstructMethodNames, lifecycle.preDestroyMethodNames].flatMap((names) =>
    names instanceof Map || names instanceof Set ? [...names.keys()].map(String) : [],
  )
}

/** For people: the class, or the token as text. */
export function describeToken(token: unknown): string {
  return typeof token === 'function' ? nameOf(token) : describeFound(token)
}

function injectionOf({ parameterTypes, statedParameters }: ServiceMetadata, index: number): Injection {
  const parameter = parameterTypes?.[index]
  const stated = statedParameters[index]
  const plain = { index, token: parameter, isStated: parameterTypes !== undefined, isOptional: false, isMany: false, name: undefined, tag: undefined }
  if (!isRecord(stated)) return plain
  const [tag] = stated.tags instanceof Map ? [...(stated.tags as Map<string, unknown>)] : []

  return {
    index,
    isStated: plain.isStated || 'value' in stated,
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
