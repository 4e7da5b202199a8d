import 'reflect-metadata'
import { isRecord } from './found.js'

// `@inject` and its sisters write here; inversify has no public way to read it for a class that it does not make itself.
const metadataKey = '@inversifyjs/core/classMetadataReflectKey'

/** What inversify's decorators wrote on a class itself. */
export function inversifyMetadataOf(type: object): Readonly<Record<string, unknown>> {
  const found: unknown = Reflect.getOwnMetadata(metadataKey, type)

  return isRecord(found) ? found : {}
}

/** What `@inject` and its sisters say of the parameters of a class's own constructor, each at its place. */
export function statedParametersOf(type: object): readonly unknown[] {
  const found = inversifyMetadataOf(type).constructorArguments

  return Array.isArray(found) ? found : []
}
