import type { Fault } from './fault.js'
import { isRecord } from './found.js'

/** What a TC39 decorator gets as its second argument; the old ones get a name there, or nothing. */
export function isContext(value: unknown): value is { readonly kind: string; readonly name: unknown } {
  return isRecord(value) && typeof value.kind === 'string' && 'name' in value
}

export function standardDecorator(decorator: string, place: string): Fault {
  return {
    code: 'STANDARD_DECORATORS',
    message: `${decorator} on ${place} was called as a TC39 decorator, which knows neither parameters nor their types. Set "experimentalDecorators": true and "emitDecoratorMetadata": true in tsconfig.json, and compile with tsc, swc or oxc.`,
  }
}

export function withoutParentheses(decorator: string, place: string, example: string): Fault {
  return { code: 'PARENTHESES', message: `${decorator} on ${place} has no parentheses, so it is not told what it is for. Write ${example}.` }
}

export function onStatic(decorator: string, place: string): Fault {
  return {
    code: 'STATIC_METHOD',
    message: `${decorator} stands on the static method ${place}; the container makes instances, so nobody would ever call it. Remove "static".`,
  }
}

export function noMethod(decorator: string, place: string): Fault {
  return {
    code: 'NOT_A_METHOD',
    message: `${decorator} stands on ${place}, which is no method. Put it on a method of the class: an arrow function in a field or an accessor is none.`,
  }
}

export function misplacedPublisher(place: string): Fault {
  return {
    code: 'PUBLISHER_PLACE',
    message: `@Publisher stands on ${place}; it belongs on a parameter of the constructor, where it injects a publisher, or on a method, whose result it publishes. Move it there.`,
  }
}
