import { type ChannelTopology, type Fault, suggest, unsupportedOption } from '@waybill/core'
import { entryTypeOf, everything } from './topology.js'

/** The options of a channel that are not for queues, or that undo what every queue promises. */
export function faultsOf(channel: ChannelTopology): Fault[] {
  return [...logFaults(channel), ...argumentFaults(channel), ...misspelled(channel), ...priorityFaults(channel), ...patternFaults(channel)]
}

/** Arguments on which rests what is promised about every queue: nothing that an app states replaces them. */
const ownArguments: Readonly<Record<string, string>> = {
  'x-queue-type': 'State `queue.type`',
  'x-delivery-limit': 'Leave it out: it stays far above the tries of any listener',
  'x-dead-letter-exchange': 'Leave it out: dead letters go to the queue of dead letters of their group',
  'x-dead-letter-routing-key': 'Leave it out: dead letters go to the queue of dead letters of their group',
  'x-dead-letter-strategy': 'Leave it out: a quorum queue keeps a message until its dead letter is safe',
  'x-single-active-consumer': 'Leave it out: queues of messages with a key have it',
}

function priorityFaults({ name, options: { queue } }: ChannelTopology): Fault[] {
  if (queue?.arguments?.['x-max-priority'] === undefined || queue.type === 'classic') return []

  return [
    {
      code: 'UNSUPPORTED_OPTION',
      message: `\`queue.arguments\` of channel "${name}" has "x-max-priority", which RabbitMQ takes of classic queues alone. State \`queue.type: 'classic'\`.`,
    },
  ]
}

function argumentFaults({ name, options }: ChannelTopology): Fault[] {
  const found = Object.keys(options.queue?.arguments ?? {}).filter((argument) => Object.hasOwn(ownArguments, argument))

  return found.map((argument) => ({
    code: 'UNSUPPORTED_OPTION',
    message: `\`queue.arguments\` of channel "${name}" has "${argument}", which Waybill sets itself. ${ownArguments[argument]}.`,
  }))
}

/** Of RabbitMQ itself. Plugins have others, so one that is unlike all of these is passed on. */
const knownArguments = [
  ...Object.keys(ownArguments),
  'x-consumer-timeout',
  'x-expires',
  'x-max-in-memory-bytes',
  'x-max-in-memory-length',
  'x-max-length',
  'x-max-length-bytes',
  'x-max-priority',
  'x-message-ttl',
  'x-overflow',
  'x-queue-leader-locator',
  'x-queue-master-locator',
  'x-queue-mode',
  'x-queue-version',
  'x-quorum-initial-group-size',
  'x-quorum-target-group-size',
]

/** RabbitMQ takes what it does not know in silence. */
function misspelled({ name, options }: ChannelTopology): Fault[] {
  const unknown = Object.keys(options.queue?.arguments ?? {}).filter((argument) => !knownArguments.includes(argument))

  return unknown.flatMap((argument) => {
    const meant = suggest(argument, knownArguments)

    return meant === '' ? [] : [{ code: 'UNSUPPORTED_OPTION', message: `\`queue.arguments\` of channel "${name}" has "${argument}", which RabbitMQ would ignore.${meant}` }]
  })
}

function patternFaults({ name, options }: ChannelTopology): Fault[] {
  if (entryTypeOf(options) !== 'direct') return []
  const found = options.queue?.bindings?.filter((key) => key !== everything && /(^|\.)[*#](\.|$)/.test(key)) ?? []

  return found.map((key) => ({
    code: 'UNSUPPORTED_OPTION',
    message: `\`queue.bindings\` of channel "${name}" has the pattern "${key}", and its exchange is direct, where a routing key is taken to the letter. State \`exchange: { type: 'topic' }\`, or whole routing keys.`,
  }))
}

function logFaults({ name, options }: ChannelTopology): Fault[] {
  const found = [...(options.log === undefined ? [] : ['log']), ...(options.existing?.topic === undefined ? [] : ['existing.topic'])]

  return found.map((option) => unsupportedOption(option, name, 'is for logs, and "rabbitmq" has queues. Use "queue", "existing.exchange" or "existing.queue"'))
}
