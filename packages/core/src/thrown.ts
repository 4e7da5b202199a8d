import { describeFound, nameOf } from './found.js'

/**
 * What a listener threw, such that all that is said of it can be read: its texts, its code, its class, and the same of its causes. A library may put an
 * object there, a getter or a proxy may throw: an error that cannot be read must cost its message alone. Still an instance of its class.
 */
export function readable(thrown: unknown, depth = mostCauses): unknown {
  try {
    if (isReadable(thrown, depth)) return thrown
  } catch {
    // Reading it threw, so it is given other values below.
  }
  try {
    const error: unknown = Object.create(thrown as object, ownFields(thrown, depth))
    if (error instanceof Error) return error
  } catch {
    // A proxy of which nothing at all can be read.
  }

  return new Error('It threw something that cannot be read.')
}

/** As many causes are told of. */
export const mostCauses = 3

const texts = ['name', 'message', 'stack'] as const

function isReadable(thrown: unknown, depth: number): boolean {
  if (!(thrown instanceof Error)) return true
  // Reading is the test of these two.
  void (thrown as { readonly code?: unknown }).code
  nameOf(thrown.constructor)

  return texts.every((field) => typeof thrown[field] === 'string') && (depth === 0 || isReadable(thrown.cause, depth - 1))
}

function ownFields(thrown: unknown, depth: number): PropertyDescriptorMap {
  const cause = found(thrown, 'cause', 'its cause cannot be read')

  return {
    ...Object.fromEntries(texts.map((field) => [field, { value: textOf(thrown, field) }])),
    code: { value: found(thrown, 'code', undefined) },
    constructor: { value: found(thrown, 'constructor', Error) },
    cause: { value: depth === 0 ? undefined : readable(cause, depth - 1) },
  }
}

function textOf(thrown: unknown, field: (typeof texts)[number]): string {
  const unread = `its ${field} cannot be read`
  const text = found(thrown, field, unread)
  if (text === undefined && field === 'stack') return ''

  return typeof text === 'string' ? text : `its ${field} is no text but ${describeFound(text)}`
}

function found(thrown: unknown, field: string, instead: unknown): unknown {
  try {
    const value: unknown = (thrown as Record<string, unknown>)[field]
    if (typeof value === 'function') nameOf(value)

    return value
  } catch {
    return instead
  }
}
