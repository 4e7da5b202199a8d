import { ConfigError, type Fault, type ParkedFilter, unknownOptions } from '@waybill/core'

const filters = Object.keys({ shard: true, ids: true, key: true, code: true } satisfies Record<keyof ParkedFilter, true>)

/** Throws where a filter is not what it must be: one that is mistyped or undefined would be none, and mean all of them. */
export function checkFilter(verb: 'parked' | 'retry' | 'discard', given: unknown): void {
  const owner = `outbox.${verb}`
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new ConfigError([{ code: 'OUTBOX_FILTER', message: `${owner} takes an object that says which, such as { ids: ['…'] }; found ${JSON.stringify(given)}.` }])
  const faults = [...unknownOptions(owner, given, filters), ...Object.entries(given).flatMap(([name, value]) => faultOf(owner, name, value))]
  if (faults.length > 0) throw new ConfigError(faults)
}

function faultOf(owner: string, name: string, value: unknown): readonly Fault[] {
  if (!filters.includes(name)) return []
  const isRight = name === 'ids' ? Array.isArray(value) && value.every((id) => typeof id === 'string') : typeof value === 'string' && value !== ''
  if (isRight) return []
  const expected = name === 'ids' ? "a list of ids, such as ['…']" : 'a text that is not empty'

  return [{ code: 'OUTBOX_FILTER', message: `${owner}: "${name}" is ${expected}; found ${JSON.stringify(value)}. Leave it out for those of any.` }]
}
