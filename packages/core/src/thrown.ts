import { describeFound } from './found.js'

/**
 * What a listener threw, such that its name, message and stack are text. A library may put an object there, a getter or a proxy may throw:
 * an error that cannot be read must cost its message alone. Still an instance of its class.
 */
export function readable(thrown: unknown): unknown {
  try {
    if (!(thrown instanceof Error) || fields.every((field) => typeof thrown[field] === 'string')) return thrown
  } catch {
    // Reading it threw, so it is given other texts below.
  }
  try {
    const error: unknown = Object.create(thrown as object, Object.fromEntries(fields.map((field) => [field, { value: textOf(thrown, field) }])))
    if (error instanceof Error) return error
  } catch {
    // A proxy of which nothing at all can be read.
  }

  return new Error('It threw something that cannot be read.')
}

const fields = ['name', 'message', 'stack'] as const

function textOf(thrown: unknown, field: (typeof fields)[number]): string {
  try {
    const found: unknown = (thrown as Record<string, unknown>)[field]
    if (found === undefined && field === 'stack') return ''

    return typeof found === 'string' ? found : `its ${field} is no text but ${describeFound(found)}`
  } catch {
    return `its ${field} cannot be read`
  }
}
