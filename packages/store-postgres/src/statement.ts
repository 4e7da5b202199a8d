import { createHash } from 'node:crypto'
import type { Statement } from './options.js'

/** Where the tables lie. Known when the store is opened: a namespace of the app stands before what the options say. */
export class Schema {
  readonly #given: string
  #name: string

  constructor(given: string) {
    this.#given = given
    this.#name = given
  }

  get name(): string {
    return this.#name
  }

  /** A name that the database would cut at 63 bytes keeps its beginning and gets a hash of the whole. */
  enter(namespace: string | undefined): void {
    const whole = namespace === undefined ? this.#given : `${namespace.replace(/[^a-z0-9_]/g, '_')}_${this.#given}`
    const isOwn = namespace === undefined || (whole.length <= 63 && /^[a-z0-9_]*$/.test(namespace))
    this.#name = isOwn ? whole : `${whole.slice(0, 46)}_${hashOf(namespace, 16)}`
  }
}

/** A statement of the store: its text for one schema, and a name by which a connection prepares it once. */
export interface Prepared {
  (...values: unknown[]): Statement
  readonly text: string
}

/** Makes the statements of one schema. `{}` in a text stands for the schema. */
export type Prepare = (text: string) => Prepared

export function statementsOf(schema: Schema, isPrepared: boolean): Prepare {
  return (template) => {
    let known: { readonly of: string; readonly statement: Statement } | undefined
    const current = (): Statement => {
      if (known?.of !== schema.name) known = { of: schema.name, statement: statementOf(template, schema.name, isPrepared) }

      return known.statement
    }

    return Object.defineProperty((...values: unknown[]): Statement => ({ ...current(), values }), 'text', { get: () => current().text }) as Prepared
  }
}

// The name comes from the text, so that two stores on one pool never mean two things by one name.
function statementOf(template: string, schema: string, isPrepared: boolean): Statement {
  const text = template.replaceAll('{}', `"${schema}"`).replace(/\s+/g, ' ').trim()

  return isPrepared ? { text, name: `waybill_${hashOf(text, 24)}` } : { text }
}

/** Which cluster the database lies in: in a restored copy the numbers of transactions begin anew. */
export const cluster = '(SELECT system_identifier FROM pg_control_system())'

const hashOf = (text: string, length: number): string => createHash('sha256').update(text).digest('hex').slice(0, length)

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
