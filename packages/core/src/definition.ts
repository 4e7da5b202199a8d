import type { Kind, Schema } from './contract.js'
import { type Complain, type Fault, unknownOptions } from './fault.js'
import { describeFound, isRecord } from './found.js'
import { keyFunction } from './key.js'
import { type Logged, resolveLogged } from './logged.js'
import { faultOfName } from './name.js'
import { isSchema, refuseAll } from './schema.js'

/** What a message class knows about itself. What is wrong with it is kept, and reported at `start`. */
export interface Definition {
  readonly kind: Kind
  readonly name: string
  readonly channel: string
  readonly schema: Schema
  readonly reply: Schema | undefined
  /** Of a validated payload. Undefined: this message has no order to keep. Throws {@link InvalidMessage} where the key is none. */
  readonly keyOf: ((payload: object) => string) | undefined
  readonly version: number
  readonly upcast: Readonly<Record<number, (payload: unknown) => unknown>>
  readonly heard: boolean
  readonly foreignName: string | undefined
  /** What of its payload may stand in log lines. */
  readonly logged: Logged | undefined
  readonly faults: readonly Fault[]
}

// `heard` gets a sentence of its own on what is no event.
const known = ['channel', 'key', 'payload', 'version', 'upcast', 'foreign', 'heard', 'logged']

/** Never throws, whatever it is given: a class that threw while it is defined would take the whole program with it. */
export function resolveDefinition(kind: Kind, name: unknown, given: unknown): Definition {
  const faults: Fault[] = []
  const title = `${kindNames[kind]} ${describeFound(name)}`
  const fault = (code: string, message: string): void => void faults.push({ code, message: `${title}: ${message}` })
  if (isSchema(given))
    fault('MESSAGE_OPTIONS', 'its second argument is an object of options, and a schema is one of them; found the schema itself. Write { payload: z.object({ … }) }.')
  const options = isSchema(given) ? { payload: given } : readOptions(given, fault)

  const badName = faultOfName('message', name)
  if (badName) fault('MESSAGE_NAME', badName)
  faults.push(...unknownOptions(title, options, kind === 'query' ? [...known, 'reply'] : known))
  const messageName = typeof name === 'string' ? name : '(unnamed)'
  const version = resolveVersion(options.version, fault)

  return Object.freeze({
    kind,
    name: messageName,
    channel: resolveChannel(messageName, options.channel, fault),
    schema: resolveSchema('payload', options.payload, fault),
    reply: kind === 'query' ? resolveSchema('reply', options.reply, fault) : undefined,
    keyOf: keyFunction(messageName, options.key, fault),
    version,
    upcast: resolveUpcast(version, options.upcast, fault),
    heard: resolveHeard(kind, options.heard, fault),
    foreignName: resolveForeign(options.foreign, fault),
    logged: resolveLogged(options.logged, fault),
    faults,
  })
}

const kindNames: Readonly<Record<Kind, string>> = { event: 'Event', command: 'Command', query: 'Query' }

function readOptions(given: unknown, fault: Complain): Readonly<Record<string, unknown>> {
  if (!isRecord(given)) {
    fault('MESSAGE_OPTIONS', `its second argument is an object with at least \`payload\`; found ${describeFound(given)}. Give it a schema: { payload: z.object({ … }) }.`)

    return {}
  }
  try {
    return { ...given }
  } catch (error) {
    fault('MESSAGE_OPTIONS', `its options cannot be read: a getter threw ${describeFound(error)}. Give it a plain object.`)

    return {}
  }
}

function resolveChannel(name: string, given: unknown, fault: Complain): string {
  if (given === undefined) return name.split('.')[0] || name
  const bad = faultOfName('channel', given)
  if (bad) fault('CHANNEL_NAME', bad)

  return typeof given === 'string' ? given : name
}

function resolveSchema(option: 'payload' | 'reply', given: unknown, fault: Complain): Schema {
  if (isSchema(given)) return given
  fault(
    option === 'reply' ? 'REPLY_SCHEMA' : 'PAYLOAD_SCHEMA',
    `\`${option}\` is a Standard Schema (zod, valibot, arktype … or unchecked<T>()); found ${describeFound(given)}. ${option === 'reply' ? 'Say what answers it' : 'Say what it carries'}: ${option}: z.object({ … }).`,
  )

  return refuseAll
}

function resolveVersion(given: unknown, fault: Complain): number {
  if (given === undefined) return 1
  if (Number.isSafeInteger(given) && Number(given) > 0) return Number(given)
  fault('VERSION', `\`version\` is a positive whole number; found ${describeFound(given)}. Count from 1.`)

  return 1
}

function resolveUpcast(version: number, given: unknown, fault: Complain): Definition['upcast'] {
  if (given === undefined) return {}
  if (!isRecord(given)) {
    fault('UPCAST', `\`upcast\` is an object of functions, one for each earlier version; found ${describeFound(given)}.`)

    return {}
  }
  checkSteps(version, given, fault)

  return Object.freeze(Object.fromEntries(Object.entries(given).filter(([, step]) => typeof step === 'function'))) as Definition['upcast']
}

function checkSteps(version: number, steps: Readonly<Record<string, unknown>>, fault: Complain): void {
  const numbers = Object.keys(steps).map(Number)
  for (const [from, step] of Object.entries(steps)) {
    if (typeof step !== 'function') fault('UPCAST', `\`upcast\` from version ${from} is a function; found ${describeFound(step)}.`)
    if (!/^[1-9]\d*$/.test(from)) fault('UPCAST', `\`upcast\` is keyed by the version a payload has; found "${from}". Use a positive whole number.`)
    else if (Number(from) >= version)
      fault('UPCAST', `\`upcast\` has a step from version ${from}, but the message is at version ${version}. Raise \`version\` to ${Number(from) + 1} or remove the step.`)
  }

  const oldest = Math.min(...numbers.filter((n) => n >= 1))
  for (let from = oldest + 1; from < version; from++) {
    if (!numbers.includes(from))
      fault('UPCAST', `\`upcast\` leads from version ${oldest} to ${version}, but the step from version ${from} is missing. Add it: a payload is brought up one version at a time.`)
  }
}

function resolveHeard(kind: Kind, given: unknown, fault: Complain): boolean {
  if (given === undefined || given === false) return false
  if (kind !== 'event') fault('HEARD', `\`heard\` is said of events; a ${kind} without a listener is an error anyway. Remove the option.`)
  else if (given !== true) fault('HEARD', `\`heard\` is true or left out; found ${describeFound(given)}.`)

  return kind === 'event' && given === true
}

function resolveForeign(given: unknown, fault: Complain): string | undefined {
  if (given === undefined) return undefined
  if (isRecord(given) && typeof given.name === 'string' && given.name !== '' && Object.keys(given).length === 1) return given.name
  fault(
    'FOREIGN_NAME',
    `\`foreign\` is { name: '…' }, the type that other systems write in their header; found ${isRecord(given) ? `{ ${Object.keys(given).join(', ')} }` : describeFound(given)}.`,
  )

  return undefined
}
