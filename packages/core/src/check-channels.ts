import type { transportsOf } from './app-transports.js'
import { type ChannelRules, covers, isPattern } from './channel-rules.js'
import { type Complain, type Fault, suggest, unknownOptions } from './fault.js'
import { describeFound, isRecord } from './found.js'
import { faultOfName } from './name.js'
import { numberOption, type Options } from './option.js'
import type { AppTopology } from './topology.js'

const known = ['transport', 'name', 'partitions', 'queue', 'exchange', 'log', 'existing', 'fallback']
const maxPartitions = 64

/** What is wrong with the app's `channels`, whatever they live on. */
export function checkChannels(app: Options, rules: ChannelRules, used: readonly string[]): readonly Fault[] {
  const channels = app.channels
  if (!isRecord(channels)) return []

  return [...Object.entries(channels).flatMap(([name, options]) => checkChannel(name, options, app)), ...checkSameName(Object.keys(channels), rules, used)]
}

/** A stated binding leads to the queue of messages without a key: one that also brings what goes to the queues of the keys would bring it twice. */
export function checkBindings({ channels }: Pick<AppTopology, 'channels'>): readonly Fault[] {
  return channels.flatMap(({ name, groups, options }) => {
    const stated: unknown = isRecord(options.queue) ? options.queue.bindings : undefined
    const bindings = Array.isArray(stated) ? stated.filter((key) => typeof key === 'string') : []
    const types = [...new Set(groups.flatMap((group) => (group.keyed && group.types !== 'all' ? group.types : [])))]

    return bindings.flatMap((binding) =>
      types
        .filter((type) => covers(binding, `${type}.keyed.0`))
        .map((type) => ({
          code: 'CHANNEL_OPTIONS',
          message: `Channel "${name}": the binding "${binding}" would bring "${type}" twice where it has a key, and out of order. State the keys of the other senders alone, or listen to them on a channel of their own.`,
        })),
    )
  })
}

/** What the channels that an app uses state and their transports cannot honour. */
export function checkHonoured({ channels }: Pick<AppTopology, 'channels'>, transports: ReturnType<typeof transportsOf>): readonly Fault[] {
  return transports.flatMap(([name, transport], at) => transport.check(channels.filter(({ options }) => (options.transport === undefined ? at === 0 : options.transport === name))))
}

/** Two channels of one transport under one name would be one. */
function checkSameName(stated: readonly string[], rules: ChannelRules, used: readonly string[]): readonly Fault[] {
  if (!rules.hasNames) return []
  const all = [...new Set([...stated, ...used])].filter((channel) => !isPattern(channel)).sort()
  const first = new Map<string, string>()

  return all.flatMap((channel) => {
    const name = rules.physicalOf(channel)
    const { transport } = rules.optionsOf(channel)
    const place = `${typeof transport === 'string' ? transport : ''} ${name}`
    const other = first.get(place)
    if (other === undefined) first.set(place, channel)

    return other === undefined
      ? []
      : [{ code: 'CHANNEL_NAME', message: `The channels "${other}" and "${channel}" would both be called "${name}" at the broker. Give one of them another \`name\`.` }]
  })
}

function checkChannel(name: string, options: unknown, app: Options): readonly Fault[] {
  const title = `Channel "${name}"`
  const faults: Fault[] = []
  const fault: Complain = (code, message) => void faults.push({ code, message: `${title}: ${message}` })
  // What stands for any word is left out of the check of the others.
  const bad = faultOfName('channel', isPattern(name) ? name.replace(/(?<=^|\.)[*#](?=\.|$)/g, 'any') : name)
  if (bad) fault('CHANNEL_NAME', bad)
  if (!isRecord(options)) {
    fault('CHANNEL_OPTIONS', `its options are an object; found ${describeFound(options)}.`)

    return faults
  }

  checkOwnName(name, options, fault)
  checkTransport(options.transport, app.transports, fault)
  numberOption(options, 'partitions', fault, { min: 1, max: maxPartitions, otherwise: 1 })
  checkQueue(options.queue, fault)
  checkExchange(options.exchange, fault)
  checkLog(options.log, fault)
  checkNamed(options.existing, 'existing', ['exchange', 'queue', 'topic'], fault)
  checkFallback(options.fallback, app.plugins, fault)

  return [...unknownOptions(title, options, known), ...faults]
}

function checkOwnName(channel: string, { name, existing }: Options, fault: Complain): void {
  if (isPattern(channel) && (name !== undefined || existing !== undefined))
    return fault('CHANNEL_OPTIONS', 'is a pattern of channels, which cannot share one `name` or what is `existing`. State those for each channel.')
  if (name === undefined) return
  const bad = faultOfName('channel', name)
  if (bad) fault('CHANNEL_NAME', `\`name\`: ${bad}`)
  if (isRecord(existing) && (existing.exchange !== undefined || existing.topic !== undefined))
    fault('CHANNEL_OPTIONS', '`name` is what is made for it, `existing` what is there already. State one of them.')
}

function checkTransport(given: unknown, transports: unknown, fault: Complain): void {
  if (given === undefined) return
  const names = isRecord(transports) ? Object.keys(transports) : []
  if (typeof given === 'string' && names.includes(given)) return
  const found = describeFound(given)
  if (names.length === 0)
    return fault(
      'UNKNOWN_TRANSPORT',
      `\`transport\` names one of several \`transports\`, and this app has a single one without a name, \`transport\`; found ${found}. Leave it out, or give createApp \`transports: { … }\` with their names.`,
    )
  fault('UNKNOWN_TRANSPORT', `\`transport\` is one of ${names.map((n) => `"${n}"`).join(', ')}; found ${found}.${typeof given === 'string' ? suggest(given, names) : ''}`)
}

function checkQueue(given: unknown, fault: Complain): void {
  const queue = readObject(given, 'queue', ['type', 'arguments', 'bindings'], fault)
  if (queue.type !== undefined && queue.type !== 'quorum' && queue.type !== 'classic')
    fault('CHANNEL_OPTIONS', `\`queue.type\` is "quorum" or "classic"; found ${describeFound(queue.type)}.`)
  checkRoutingKeys(queue.bindings, fault)
  checkValues(queue.arguments, 'queue.arguments', ['string', 'number', 'boolean'], fault)
}

function checkRoutingKeys(given: unknown, fault: Complain): void {
  if (given === undefined) return
  if (!Array.isArray(given) || given.length === 0) return fault('CHANNEL_OPTIONS', `\`queue.bindings\` is a list of routing keys; found ${describeFound(given)}.`)
  for (const key of given as unknown[]) {
    if (typeof key !== 'string' || key === '' || Buffer.byteLength(key) > 255)
      fault('CHANNEL_OPTIONS', `\`queue.bindings\` has routing keys of 1 to 255 bytes; found ${describeFound(key)}.`)
  }
}

function checkExchange(given: unknown, fault: Complain): void {
  const { type } = readObject(given, 'exchange', ['type'], fault)
  if (type !== undefined && type !== 'direct' && type !== 'topic') fault('CHANNEL_OPTIONS', `\`exchange.type\` is "direct" or "topic"; found ${describeFound(type)}.`)
}

function checkLog(given: unknown, fault: Complain): void {
  const log = readObject(given, 'log', ['replication', 'from', 'settings'], fault)
  numberOption(log, 'replication', fault, { of: 'log', min: 1, max: 100, otherwise: 1 })
  const isMoment = log.from instanceof Date && Number.isFinite(log.from.getTime())
  if (log.from !== undefined && log.from !== 'first' && log.from !== 'last' && !isMoment)
    fault('CHANNEL_OPTIONS', `\`log.from\` is "first", "last" or a Date; found ${describeFound(log.from)}.`)
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
