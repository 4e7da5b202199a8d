/** What was found, for the end of an error's sentence: the value where it is short and plain, else what kind of thing it is. A url's name and password are masked. */
export function describeFound(value: unknown): string {
  if (typeof value === 'string') return describeText(value)
  if (typeof value === 'function') return `the function or class ${nameOf(value)}`
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : `an object of ${nameOf((value as { constructor?: unknown }).constructor)}`
  if (typeof value === 'bigint') return `${value}n`

  return String(value)
}

function describeText(given: string): string {
  // Who gives a URL where something else belongs gives a password with it, and it may be half a URL.
  const text = given.replace(/^(\s*(?:[a-z][a-z0-9+.-]*:)?\/\/)?.*@/is, '$1…@').replace(/(\/\/[^\s/:]*):(?!\d{1,5}(?:[/?#]|$)).*/s, '$1:…')

  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}

/** The name of a class or function, whatever it is. */
export function nameOf(value: unknown): string {
  const name = typeof value === 'function' ? (value as { name?: unknown }).name : undefined

  return typeof name === 'string' && name !== '' ? name : '(anonymous)'
}

/** An object with fields that can be read; an array is none. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What a factory was given as its options, to be read without care: what is no object has none. */
export function optionsIn<T extends object>(given: T): Partial<T> {
  return isRecord(given) ? given : {}
}

/** The objects of what should be a list of them; what is none is a fault elsewhere. */
export function recordsOf<T extends object>(given: readonly T[] | undefined): readonly T[] {
  return Array.isArray(given) ? (given as readonly T[]).filter(isRecord) : []
}
