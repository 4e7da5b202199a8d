import { createHash } from 'node:crypto'
import type { Statement } from './options.js'

/** A statement of the store: its text for one schema, and a name by which a connection prepares it once. */
export interface Prepared {
  (...values: unknown[]): Statement
  readonly text: string
}

/** Makes the statements of one schema. `{}` in a text stands for the schema. */
export type Prepare = (text: string) => Prepared

export function statementsOf(schema: string, isPrepared: boolean): Prepare {
  return (template) => {
    const text = template.replaceAll('{}', `"${schema}"`).replace(/\s+/g, ' ').trim()
    // The name comes from the text, so that two stores on one pool never mean two things by one name.
    const name = isPrepared ? { name: `waybill_${createHash('sha256').update(text).digest('hex').slice(0, 24)}` } : {}

    return Object.assign((...values: unknown[]): Statement => ({ text, values, ...name }), { text })
  }
}

/** A whole number of the database, which the driver gives as text. */
export function numberOf(found: unknown): number {
  return Number(found)
}

export function textOf(found: unknown): string {
  return typeof found === 'string' ? found : String(found)
}

export function optionalTextOf(found: unknown): string | undefined {
  return found === null || found === undefined ? undefined : textOf(found)
}

export function optionalNumberOf(found: unknown): number | undefined {
  return found === null || found === undefined ? undefined : Number(found)
}

export function bytesOf(found: unknown): Uint8Array {
  return found instanceof Uint8Array ? found : new Uint8Array()
}
