import { InvalidMessage } from './error.js'
import { type Complain, suggest } from './fault.js'
import { describeFound } from './found.js'

/** The longest key that every broker takes, in UTF-8 bytes. */
const maxBytes = 255

/** The function that finds a message's key in its validated payload. Undefined: it has none, so there is no order to keep. */
export function keyFunction(messageName: string, given: unknown, fault: Complain): ((payload: object) => string) | undefined {
  if (given === undefined) return undefined
  if (typeof given === 'string' && given !== '') return (payload) => checkKey(messageName, given, (payload as Record<string, unknown>)[given], payload)
  if (typeof given === 'function') return (payload) => checkKey(messageName, 'key', compute(messageName, given as (payload: object) => unknown, payload))
  fault('KEY', `\`key\` is the name of a field of the payload or a function of it; found ${describeFound(given)}.`)

  return undefined
}

function compute(messageName: string, find: (payload: object) => unknown, payload: object): unknown {
  try {
    return find(payload)
  } catch (error) {
    throw new InvalidMessage(messageName, [{ path: 'key', message: 'its key function threw' }], { cause: error })
  }
}

/** `payload`: the one whose field the key is to be. */
function checkKey(messageName: string, path: string, found: unknown, payload?: object): string {
  const key = typeof found === 'number' && Number.isFinite(found) ? String(found) : found
  if (typeof key !== 'string')
    throw new InvalidMessage(messageName, [{ path, message: `a key is a string or a number; found ${payload && !(path in payload) ? missing(path, payload) : typeOf(found)}` }])
  if (key === '') throw new InvalidMessage(messageName, [{ path, message: 'a key is not empty' }])
  // A UTF-16 unit takes at most three bytes: only long keys are worth counting.
  if (key.length * 3 > maxBytes && Buffer.byteLength(key) > maxBytes) {
    throw new InvalidMessage(messageName, [{ path, message: `a key has at most ${maxBytes} bytes as UTF-8; found ${Buffer.byteLength(key)}` }])
  }

  return key
}

/** The names of fields say nothing of their values. */
function missing(field: string, payload: object): string {
  const fields = Object.keys(payload).slice(0, 20)

  return `no field of that name in the payload, which has ${fields.join(', ') || 'none'}.${suggest(field, fields)} Name one of them as \`key\` of the message`
}

function typeOf(found: unknown): string {
  if (typeof found === 'number') return `the number ${found}`

  return `a value of type ${found === null ? 'null' : typeof found}`
}
