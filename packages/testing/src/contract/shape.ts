import type { unchecked } from '@waybill/core'

type Field = 'string' | 'number'
type Shaped<F extends Record<string, Field>> = { readonly [K in keyof F]: F[K] extends 'string' ? string : number }

/** A schema of flat objects, so that the contract needs no library for schemas. */
export function shape<const F extends Record<string, Field>>(fields: F): ReturnType<typeof unchecked<Shaped<F>>> {
  const validate = (value: unknown): { readonly value: Shaped<F> } | { readonly issues: readonly { readonly message: string; readonly path: readonly string[] }[] } => {
    const found = (typeof value === 'object' ? value : undefined) as Readonly<Record<string, unknown>> | null | undefined
    const wrong = Object.entries(fields).filter(([name, type]) => typeof found?.[name] !== type)
    if (wrong.length > 0) return { issues: wrong.map(([name, type]) => ({ message: `expected a ${type}`, path: [name] })) }

    return { value: Object.fromEntries(Object.keys(fields).map((name) => [name, found?.[name]])) as Shaped<F> }
  }

  return { '~standard': { version: 1, vendor: 'waybill-contract', validate } }
}
