import { type Named, WaybillError } from '@waybill/core'

/** The name of a message class. Throws where it is none: nothing would ever be found by it, or everything. `where` is for people: `published`. */
export function messageNameOf(type: Named, where: string): string {
  const { messageName } = (type ?? {}) as { readonly messageName?: unknown }
  if (typeof messageName === 'string') return messageName

  throw new WaybillError(
    'NOT_A_MESSAGE',
    `${where} takes the class of a message, one that extends Event, Command or Query; found ${typeof type === 'function' ? `the class ${(type as { readonly name: string }).name}` : JSON.stringify(type)}.`,
  )
}
