import type { Input, Json, Output, Schema } from './contract.js'
import { InvalidMessage, WaybillError } from './error.js'
import { describeFound } from './found.js'
import { isSchema, validate } from './schema.js'
import { scopes, type Contexts, type ContextValue, type Scope } from './scope.js'
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
  const context: Context<S> = {
    contextName: name,
    run: (value, work) => {
      assertDeclared(name, schema)
      if (typeof work !== 'function')
        throw new WaybillError('CONTEXT', `The context "${name}" runs work with a value; found ${describeFound(work)} for the work. Write ${name}.run(value, () => …).`)
      const output = validate(schema, `context ${name}`, value)
      const around = scopes.getStore()
      assertAlone(context, around?.contexts.get(name))
      const contexts = new Map(around?.contexts).set(name, { text: written(name, value), given: { to: context, output } })
      const scope: Scope = { owner: around?.owner ?? 'the program', cause: around?.cause, held: around?.held, contexts, transaction: around?.transaction }

      return scopes.run(scope, work)
    },
    get: () => {
      const found = scopes.getStore()?.contexts.get(name)
      if (found === undefined) return undefined
      assertAlone(context, found)
      if (found.given) return found.given.output as Output<S>

      return readContext(name, schema, found)
    },
  }

  return context
}

/** What the headers of a delivery say about contexts; parsed when asked for. */
export function contextsOf(headers: Readonly<Record<string, unknown>>, onUnfit: NonNullable<ContextValue['onUnfit']>): Contexts {
  let found: Map<string, ContextValue> | undefined
  for (const name in headers) {
    const text = headers[name]
    if (name.startsWith(header.context) && typeof text === 'string') (found ??= new Map()).set(name.slice(header.context.length), { text, onUnfit })
  }

  return found ?? none
}

/** The headers that carry the contexts of a scope. */
export function contextHeaders(contexts: Contexts, into: Record<string, unknown>): void {
  for (const [name, { text }] of contexts) into[header.context + name] = text
}

/** The wire carries JSON. */
type Carried<S extends Schema> = Input<S> extends Json<Input<S>> ? unknown : { readonly '~standard': { readonly types?: { readonly input: Json<Input<S>> } | undefined } }

const none: Contexts = new Map()

const longestName = 100

/** Said where it is used: a context that threw while it is declared would take the whole program with it. */
function assertDeclared(name: unknown, schema: unknown): void {
  if (typeof name !== 'string' || name === '' || Buffer.byteLength(name) > longestName)
    throw new WaybillError(
      'CONTEXT',
      `A context is named with a text of 1 to ${longestName} bytes, as it travels in the header "${header.context}<name>"; found ${describeFound(name)}. Write Context('tenant', …).`,
    )
  if (!isSchema(schema))
    throw new WaybillError(
      'CONTEXT',
      `The context "${name}" takes a Standard Schema (zod, valibot, arktype … or unchecked<T>()); found ${describeFound(schema)}. Say what it carries: Context('${name}', z.object({ … })).`,
    )
}

/** Of two under one name each would read what the other one wrote, as another type. A process may come by both: said where they meet. */
function assertAlone(context: { readonly contextName: string }, found: ContextValue | undefined): void {
  const { contextName } = context
  if (!found?.given || found.given.to === context) return
  throw new WaybillError(
    'CONTEXT',
    `Two contexts are called "${contextName}", and this one would read or replace what the other one wrote. Declare it once and import it where it is used, or give one of them another name.`,
  )
}

/** What later becomes of the value changes nothing. */
function written(name: string, value: unknown): string {
  let why = `it is ${typeof value}`
  try {
    // What JSON has no word for it leaves out, whatever its types say.
    const text = JSON.stringify(value) as string | undefined
    if (text !== undefined) return text
  } catch (error) {
    why = (error as Error).message
  }
  throw new InvalidMessage(`context ${name}`, [{ path: '', message: `it cannot be written as JSON: ${why}` }])
}

function readContext<S extends Schema>(name: string, schema: S, { text, onUnfit }: ContextValue): Output<S> | undefined {
  try {
    return validate(schema, `context ${name}`, parsed(name, text)) as Output<S>
  } catch (error) {
    // A stranger may send anything; what does not fit is no context.
    onUnfit?.(name, error)

    return undefined
  }
}

/** What the parser says quotes the text. */
function parsed(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new WaybillError('CONTEXT', `"context ${name}" is no JSON.`)
  }
}
