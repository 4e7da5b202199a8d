/** What was found, for the end of an error's sentence. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return `the class or function ${value.name || '(anonymous)'}`
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)

  return JSON.stringify(value) ?? String(value)
}
