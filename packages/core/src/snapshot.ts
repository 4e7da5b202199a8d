/** What goes round in circles, or could; writing it says so. */
const deepest = 500

/** A copy of what JSON would write of a value, as it is now. What JSON cannot write stays as it is, so that writing it is what fails. */
export function snapshotOf(value: unknown): unknown {
  try {
    return copyOf(value, 0)
  } catch (error) {
    if (error === tooDeep) return value
    throw error
  }
}

export function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)

  return prototype === Object.prototype || prototype === null || Array.isArray(value)
}

const boxes = [Number, String, Boolean, BigInt] as const
const tooDeep = new Error('It is nested too deeply to be copied.')

function copyOf(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > deepest) throw tooDeep
  // The `map` of somebody's own class of arrays makes one of that class, whose constructor may want something else.
  if (Array.isArray(value)) return Array.from(value, (item) => copyOf(item, depth + 1))
  // Of a date, a decimal or a boxed number JSON writes other things than its fields.
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function' || boxes.some((box) => value instanceof box)) return value

  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(value)) {
    const field = copyOf((value as Record<string, unknown>)[name], depth + 1)
    if (name === '__proto__') Object.defineProperty(copy, name, { value: field, enumerable: true, configurable: true, writable: true })
    else copy[name] = field
  }

  return copy
}
