import { type Complain, type Fault, suggest, unknownOptions } from './fault.js'
import { describeFound, isRecord } from './found.js'
import { faultOfName } from './name.js'
import { numberOption, type Options } from './option.js'

const known = ['transport', 'partitions', 'queue', 'exchange', 'log', 'existing', 'fallback']
const maxPartitions = 64

/** What is wrong with the app's `channels`. Whether a transport can honour an option is asked once it is connected. */
export function checkChannels(app: Options): readonly Fault[] {
  const channels = app.channels

  return isRecord(channels) ? Object.entries(channels).flatMap(([name, options]) => checkChannel(name, options, app)) : []
}

function checkChannel(name: string, options: unknown, app: Options): readonly Fault[] {
  const title = `Channel "${name}"`
  const faults: Fault[] = []
  const fault: Complain = (code, message) => void faults.push({ code, message: `${title}: ${message}` })
  const bad = faultOfName('channel', name)
  if (bad) fault('CHANNEL_NAME', bad)
  if (!isRecord(options)) {
    fault('CHANNEL_OPTIONS', `its options are an object; found ${describeFound(options)}.`)

    return faults
  }

  checkTransport(options.transport, app.transports, fault)
  numberOption(options, 'partitions', fault, { min: 1, max: maxPartitions, otherwise: 1 })
  checkQueue(options.queue, fault)
  checkExchange(options.exchange, fault)
  checkLog(options.log, fault)
  checkNamed(options.existing, 'existing', ['exchange', 'queue', 'topic'], fault)
  checkFallback(options.fallback, app.plugins, fault)

  return [...unknownOptions(title, options, known), ...faults]
}

function checkTransport(given: unknown, transports: unknown, fault: Complain): void {
  if (given === undefined) return
  const names = isRecord(transports) ? Object.keys(transports) : []
  if (typeof given === 'string' && names.includes(given)) return
  const expected = names.length > 0 ? `one of ${names.map((n) => `"${n}"`).join(', ')}` : 'left out where the app has one `transport`; `transports` gives several their names'
  fault('UNKNOWN_TRANSPORT', `\`transport\` is ${expected}; found ${describeFound(given)}.${typeof given === 'string' ? suggest(given, names) : ''}`)
}

function checkQueue(given: unknown, fault: Complain): void {
  const queue = readObject(given, 'queue', ['type', 'arguments'], fault)
  if (queue.type !== undefined && queue.type !== 'quorum' && queue.type !== 'classic')
    fault('CHANNEL_OPTIONS', `\`queue.type\` is "quorum" or "classic"; found ${describeFound(queue.type)}.`)
  checkValues(queue.arguments, 'queue.arguments', ['string', 'number', 'boolean'], fault)
}

function checkExchange(given: unknown, fault: Complain): void {
  const { type } = readObject(given, 'exchange', ['type'], fault)
  if (type !== undefined && type !== 'direct' && type !== 'topic') fault('CHANNEL_OPTIONS', `\`exchange.type\` is "direct" or "topic"; found ${describeFound(type)}.`)
}

function checkLog(given: unknown, fault: Complain): void {
  const log = readObject(given, 'log', ['replication', 'settings'], fault)
  numberOption(log, 'replication', fault, { of: 'log', min: 1, max: 100, otherwise: 1 })
  checkValues(log.settings, 'log.settings', ['string'], fault)
}

function checkNamed(given: unknown, option: string, names: readonly string[], fault: Complain): void {
  const read = readObject(given, option, names, fault)
  for (const name of names) {
    if (read[name] !== undefined && (typeof read[name] !== 'string' || read[name] === ''))
      fault('CHANNEL_OPTIONS', `\`${option}.${name}\` is a name that exists at the broker; found ${describeFound(read[name])}.`)
  }
}

function readObject(given: unknown, option: string, names: readonly string[], fault: Complain): Options {
  if (given === undefined) return {}
  if (!isRecord(given)) {
    fault('CHANNEL_OPTIONS', `\`${option}\` is an object with ${names.join(', ')}; found ${describeFound(given)}.`)

    return {}
  }
  for (const { code, message } of unknownOptions(`\`${option}\``, given, names)) fault(code, message)

  return given
}

function checkValues(given: unknown, option: string, types: readonly string[], fault: Complain): void {
  if (given === undefined) return
  if (!isRecord(given)) return fault('CHANNEL_OPTIONS', `\`${option}\` is an object; found ${describeFound(given)}.`)
  for (const [name, value] of Object.entries(given)) {
    if (!types.includes(typeof value)) fault('CHANNEL_OPTIONS', `\`${option}["${name}"]\` is a ${types.join(' or a ')}; found ${describeFound(value)}.`)
  }
}

function checkFallback(given: unknown, plugins: unknown, fault: Complain): void {
  if (given === undefined) return
  if (given !== 'outbox') return fault('CHANNEL_OPTIONS', `\`fallback\` is "outbox" or left out; found ${describeFound(given)}.`)
  const hasOutbox = Array.isArray(plugins) && plugins.some((plugin) => isRecord(plugin) && plugin.name === 'outbox')
  if (!hasOutbox)
    fault(
      'FALLBACK',
      '`fallback: \'outbox\'` keeps what the broker does not take in the outbox, but the app has no plugin "outbox". Add outbox(…) to `plugins`, or remove the option.',
    )
}
