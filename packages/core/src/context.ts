import type { Input, Json, Output, Schema } from './contract.js'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { validate } from './schema.js'
import { scopes, type Scope } from './scope.js'
import { header } from './wire.js'

/** A typed value that travels with a call and with every message it causes: a tenant, a user. */
export interface Context<S extends Schema> {
  readonly contextName: string
  /** Runs `work` with the value; messages published inside carry it. */
  run<T>(value: Input<S>, work: () => T): T
  /** The value of the call that runs now; undefined where there is none, or where it does not fit the schema. */
  get(): Output<S> | undefined
}

/**
 * Declares a context. It is written as JSON into the header `waybill-context-<name>`: keep it small, and no secret.
 *
 * @example
 * const tenant = Context('tenant', z.object({ id: z.string() }))
 * await tenant.run({ id: 'acme' }, () => app.publish(new OrderPlaced(order)))
 */
export function Context<S extends Schema>(name: string, schema: S & Carried<S>): Context<S> {
  return {
    contextName: name,
    run: (value, work) => {
      const output = validate(schema, `context ${name}`, value)
      const around = scopes.getStore()
      const contexts = new Map(around?.contexts).set(name, { input: value, output })
      const scope: Scope = { owner: around?.owner ?? 'the program', cause: around?.cause, held: around?.held, contexts, transaction: around?.transaction }

      return scopes.run(scope, work)
    },
    get: () => {
      const found = scopes.getStore()?.contexts.get(name)
      if (found === undefined) return undefined
      if (!isUnread(found)) return (found as { output: Output<S> }).output

      return readContext(name, schema, found.text)
    },
  }
}

/** What the headers of a delivery say about contexts; parsed when asked for. */
export function contextsOf(headers: Readonly<Record<string, unknown>>): ReadonlyMap<string, unknown> {
  let found: Map<string, unknown> | undefined
  for (const name in headers) {
    const text = headers[name]
    if (name.startsWith(header.context) && typeof text === 'string') (found ??= new Map()).set(name.slice(header.context.length), { text })
  }

  return found ?? none
}

/** The headers that carry the contexts of a scope. */
export function contextHeaders(contexts: ReadonlyMap<string, unknown>, into: Record<string, unknown>): void {
  for (const [name, found] of contexts) into[header.context + name] = isUnread(found) ? found.text : JSON.stringify((found as { input: unknown }).input)
}

/** The wire carries JSON. */
type Carried<S extends Schema> = Input<S> extends Json<Input<S>> ? unknown : StandardSchemaV1<Json<Input<S>>>

const none: ReadonlyMap<string, unknown> = new Map()

function isUnread(found: unknown): found is { readonly text: string } {
  return typeof found === 'object' && found !== null && 'text' in found
}

function readContext<S extends Schema>(name: string, schema: S, text: string): Output<S> | undefined {
  try {
    return validate(schema, `context ${name}`, JSON.parse(text)) as Output<S>
  } catch {
    // A stranger may send anything; what does not fit is no context.
    return undefined
  }
}
