import 'reflect-metadata'
import type { Named } from './contract.js'

/** What the decorators wrote on a class. They only write; what it means, and what is wrong with it, is found at `start`. */
export interface ServiceMetadata {
  /** Undefined: the class itself is not marked `@Service`. */
  readonly service: { readonly name: string | undefined } | undefined
  readonly listeners: readonly ListenerMark[]
  readonly publisherMethods: readonly PublisherMethodMark[]
  readonly publisherParameters: readonly PublisherParameterMark[]
  /** The constructor's parameters as the compiler wrote them; undefined where it wrote none. */
  readonly parameterTypes: readonly unknown[] | undefined
}

export interface ListenerMark {
  readonly method: string
  readonly messages: readonly Named[] | { readonly rawChannel: string }
  /** As the user gave them: unchecked. */
  readonly options: object
}

export interface PublisherMethodMark {
  readonly method: string
  readonly messages: readonly Named[]
}

export interface PublisherParameterMark {
  readonly index: number
  readonly messages: readonly Named[]
}
