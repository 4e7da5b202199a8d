import type { AppOptions } from './app-options.js'
import { type Fault, unknownOptions } from './fault.js'
import { checkPlugins } from './check-plugins.js'
import { isStore } from './check-transactions.js'
import { describeFound, isRecord } from './found.js'
import { defaultLimits } from './limits.js'
import { defaultBacklog } from './room.js'
import { faultOfName } from './name.js'
import { isRuntime } from './runtime.js'
import { durationOf, faultOfDuration, type Options } from './option.js'
import type { Transport } from './transport.js'

const known: Readonly<Record<keyof AppOptions, true>> = {
  name: true,
  namespace: true,
  services: true,
  transport: true,
  transports: true,
  channels: true,
  modules: true,
  middleware: true,
  plugins: true,
  signals: true,
  limits: true,
  startDeadline: true,
  publishDeadline: true,
  backlog: true,
  shutdown: true,
  log: true,
  runtime: true,
}

/** What is wrong with the options of `createApp`, its services and channels aside. */
export function checkOptions(given: unknown): readonly Fault[] {
  if (!isRecord(given)) return [{ code: 'APP_OPTIONS', message: `createApp takes an object with name, services and transport; found ${describeFound(given)}.` }]

  return [
    ...unknownOptions('createApp', given, Object.keys(known)),
    ...checkNames(given),
    ...checkTransports(given),
    ...checkLists(given),
    ...checkPlugins(given.plugins, isPlugin),
    ...checkObject(given, 'channels', 'an object of options by channel'),
    ...checkRuntime(given.runtime),
    ...checkTime(given, 'startDeadline'),
    ...checkTime(given, 'publishDeadline'),
    ...checkTime(given, 'shutdown'),
    ...checkNumbers('limits', given.limits, defaultLimits, '{ bodyBytes: 5_000_000 }'),
    ...checkNumbers('backlog', given.backlog, defaultBacklog, '{ messages: 1_000 }'),
    ...checkSignals(given.signals),
    ...checkLog(given.log),
  ]
}

function checkNames({ name, namespace }: Options): readonly Fault[] {
  const badName = faultOfName('app', name)
  const badNamespace = namespace === undefined ? undefined : faultOfName('namespace', namespace)

  return [
    ...(badName ? [{ code: 'APP_NAME', message: `createApp, \`name\`: ${badName}` }] : []),
    ...(badNamespace ? [{ code: 'NAMESPACE', message: `createApp, \`namespace\`: ${badNamespace}` }] : []),
  ]
}

function checkTransports({ transport, transports }: Options): readonly Fault[] {
  if (transport !== undefined && transports !== undefined)
    return [transportFault('it has both `transport` and `transports`. Keep `transport` for one broker, `transports` for several by name')]
  if (transport === undefined && transports === undefined) return [transportFault('it has neither `transport` nor `transports`. Say which broker: transport: memory()')]
  if (transport !== undefined)
    return isTransport(transport) ? [] : [transportFault(`\`transport\` is what memory(), rabbitmq(…) or kafka(…) returns; found ${describeFound(transport)}`)]
  if (!isRecord(transports) || Object.keys(transports).length === 0)
    return [transportFault(`\`transports\` is an object with at least one transport by name; found ${isRecord(transports) ? 'an empty one' : describeFound(transports)}`)]

  return Object.entries(transports).flatMap(([name, one]) =>
    isTransport(one) ? [] : [transportFault(`\`transports.${name}\` is what memory(), rabbitmq(…) or kafka(…) returns; found ${describeFound(one)}`)],
  )
}

function transportFault(sentence: string): Fault {
  return { code: 'TRANSPORT', message: `createApp: ${sentence}.` }
}

/** Whether it has what core needs of a transport. */
export function isTransport(value: unknown): value is Transport {
  return (
    isRecord(value) &&
    typeof value.name === 'string' &&
    Array.isArray(value.faults) &&
    ['check', 'connect', 'declare', 'publish', 'subscribe', 'depth', 'close', 'onState', 'onWritable'].every((method) => typeof value[method] === 'function') &&
    isRecord(value.dead)
  )
}

function checkLists(options: Options): readonly Fault[] {
  const lists = [
    { option: 'services', of: 'classes marked @Service', each: () => true, required: true },
    { option: 'modules', of: 'inversify ContainerModules', each: (entry: unknown) => isRecord(entry) && typeof entry.load === 'function', required: false },
    { option: 'middleware', of: 'objects with `listen`, `publish` or both', each: isMiddleware, required: false },
    { option: 'plugins', of: 'plugins, such as outbox(…)', each: isPlugin, required: false },
  ]

  return lists.flatMap(({ option, of, each, required }) => {
    const given = options[option]
    if (given === undefined && !required) return []
    if (!Array.isArray(given)) return [{ code: 'APP_OPTIONS', message: `createApp: \`${option}\` is a list of ${of}; found ${describeFound(given)}.` }]

    return given.flatMap((entry, i) =>
      each(entry)
        ? []
        : [
            {
              code: 'APP_OPTIONS',
              message: `createApp: \`${option}[${i}]\` is one of a list of ${of}; found ${misplaced(entry) ?? (option === 'plugins' ? nameless(entry) : undefined) ?? describeFound(entry)}.`,
            },
          ],
    )
  })
}

/** Whether it is one, and neither a transport nor a store that was put among them. */
export function isPlugin(entry: unknown): boolean {
  return isRecord(entry) && typeof entry.name === 'string' && misplaced(entry) === undefined
}

/** What is no plugin, but belongs into the app all the same: what it is, and where it belongs. */
function misplaced(entry: unknown): string | undefined {
  if (isTransport(entry)) return `the transport "${entry.name}": give it as \`transport\``
  if (isStore(entry)) return `the store "${entry.name}": give it to an outbox, as in outbox(memoryStore())`

  return undefined
}

/** What is no plugin for want of a name. */
function nameless(entry: unknown): string | undefined {
  if (!isRecord(entry) || typeof entry.name === 'string') return undefined

  return entry.name === undefined ? 'an object without `name`' : `an object whose \`name\` is ${describeFound(entry.name)} and no text`
}

function isMiddleware(entry: unknown): boolean {
  return isRecord(entry) && (typeof entry.listen === 'function' || typeof entry.publish === 'function')
}

function checkObject(options: Options, option: string, what: string): readonly Fault[] {
  const given = options[option]
  if (given === undefined || isRecord(given)) return []

  return [{ code: 'APP_OPTIONS', message: `createApp: \`${option}\` is ${what}; found ${describeFound(given)}.` }]
}

function checkRuntime(given: unknown): readonly Fault[] {
  if (given === undefined || isRuntime(given)) return []

  return [
    {
      code: 'APP_OPTIONS',
      message: `createApp: \`runtime\` is a Runtime with now, elapsed, after, soon, random and id, such as the virtual clock of a test; found ${describeFound(given)}. Leave it out for the system's.`,
    },
  ]
}

function checkTime(options: Options, option: 'shutdown' | 'startDeadline' | 'publishDeadline'): readonly Fault[] {
  const given = options[option]

  return given === undefined || durationOf(given) !== undefined ? [] : [{ code: 'DURATION', message: `createApp: ${faultOfDuration(option, given)}` }]
}

function checkNumbers(option: string, given: unknown, defaults: object, example: string): readonly Fault[] {
  if (given === undefined) return []
  if (!isRecord(given)) return [{ code: 'APP_OPTIONS', message: `createApp: \`${option}\` is an object such as ${example}; found ${describeFound(given)}.` }]

  const wrong = Object.entries(given).filter(([name, value]) => name in defaults && !(Number.isSafeInteger(value) && Number(value) > 0))

  return [
    ...unknownOptions(`createApp, \`${option}\`,`, given, Object.keys(defaults)),
    ...wrong.map(([name, value]) => ({ code: 'NUMBER', message: `createApp: \`${option}.${name}\` is a whole number above zero; found ${describeFound(value)}.` })),
  ]
}

function checkSignals(given: unknown): readonly Fault[] {
  return given === undefined || given === false
    ? []
    : [{ code: 'APP_OPTIONS', message: `createApp: \`signals\` is false or left out; found ${describeFound(given)}. SIGTERM and SIGINT stop the app unless it is false.` }]
}

function checkLog(given: unknown): readonly Fault[] {
  const methods = ['debug', 'info', 'warn', 'error']
  if (given === undefined || given === false) return []
  const missing = isRecord(given) ? methods.filter((method) => typeof given[method] !== 'function') : methods
  if (missing.length === 0) return []

  return [
    {
      code: 'APP_OPTIONS',
      message: `createApp: \`log\` is false or a logger with ${methods.join(', ')}; found ${isRecord(given) ? `one without ${missing.join(', ')}` : describeFound(given)}.`,
    },
  ]
}
