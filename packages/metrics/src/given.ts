import { ConfigError } from '@waybill/core'

/** Throws a {@link ConfigError} where what should be an object of options is none. */
export function assertObject(owner: string, code: string, given: unknown): void {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return

  throw new ConfigError([{ code, message: `${owner} takes an object of options; found ${describe(given)}. Leave it out for the defaults.` }])
}

/** What was found, for the end of a sentence. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (Array.isArray(value)) return 'an array'

  return typeof value === 'object' && value !== null ? 'an object' : typeof value === 'function' ? 'a function' : String(value)
}
