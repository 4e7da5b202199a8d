import { WaybillError } from './error.js'
import { suggest } from './fault.js'
import { describeFound, isRecord } from './found.js'
import type { AskOptions, PublishOptions } from './publisher.js'

const known = {
  publish: Object.keys({ id: true, delay: true, expires: true, priority: true, headers: true, signal: true, held: true } satisfies Record<keyof PublishOptions, true>),
  ask: Object.keys({ timeout: true, signal: true } satisfies Record<keyof AskOptions, true>),
}
const named = { publish: 'A publish', ask: 'An ask' }
const examples = { publish: "{ delay: '5s' }", ask: "{ timeout: '2s' }" }

/** Throws where what a call was given as its options is none, or has one that nobody knows. */
export function checkCallOptions(call: 'publish' | 'ask', given: unknown): void {
  if (!isRecord(given)) throw refused(call, `takes an object of options, such as ${examples[call]}; found ${describeFound(given)}. Leave it out for the defaults.`)
  for (const name in given) {
    if (!known[call].includes(name))
      throw new WaybillError('UNKNOWN_OPTION', `${named[call]} has no option "${name}".${suggest(name, known[call])} Known options: ${known[call].join(', ')}.`)
    const fault = faultOf(name, given[name])
    if (fault !== undefined) throw refused(call, fault)
  }
}

function faultOf(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (name === 'headers' && !isFields(value))
    return `takes "headers" as an object of texts, numbers and booleans, such as { tenant: 'acme' }; found ${describeFound(value)}.${isRecord(value) ? ' Write Object.fromEntries(…) around it.' : ''}`
  if (name === 'signal' && !isSignal(value)) return `takes "signal" as that of an AbortController: new AbortController().signal; found ${describeFound(value)}.`
  if (name === 'held' && value !== false) return `takes "held" as false or left out; found ${describeFound(value)}. What can be held is held unless it is false.`

  return undefined
}

/** A Map or the headers of a request keep theirs elsewhere. */
function isFields(value: unknown): boolean {
  return isRecord(value) && !(Symbol.iterator in value)
}

function isSignal(value: unknown): boolean {
  return value instanceof AbortSignal || (isRecord(value) && typeof value.aborted === 'boolean' && typeof value.addEventListener === 'function')
}

function refused(call: 'publish' | 'ask', sentence: string): WaybillError {
  return new WaybillError('CALL_OPTION', `${named[call]} ${sentence}`)
}
