import { SpanKind } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'

/** What OpenTelemetry's semantic conventions 1.44 publish of messaging spans, as far as we say it: by the type of the operation. */
const published = {
  create: { names: ['create'], kinds: [SpanKind.PRODUCER] },
  send: { names: ['send'], kinds: [SpanKind.PRODUCER, SpanKind.CLIENT] },
  receive: { names: ['receive'], kinds: [SpanKind.CLIENT] },
  process: { names: ['process'], kinds: [SpanKind.CONSUMER] },
  // What a settlement is called is up to the system.
  settle: { names: ['ack', 'retry', 'dead_letter'], kinds: [SpanKind.CLIENT] },
} as const satisfies Record<string, { readonly names: readonly string[]; readonly kinds: readonly SpanKind[] }>

/** On every span. */
const required = ['messaging.system', 'messaging.operation.name', 'messaging.operation.type', 'messaging.destination.name', 'messaging.message.id']

const attributes = [
  ...required,
  'messaging.batch.message_count',
  'messaging.client.id',
  'messaging.consumer.group.name',
  'messaging.destination.partition.id',
  'messaging.message.body.size',
  'messaging.message.conversation_id',
  'error.type',
  'server.address',
  'server.port',
]

/** What of a span is not as published. */
export function faultsOf({ name, kind, attributes: said }: ReadableSpan): readonly string[] {
  const operation = published[said['messaging.operation.type'] as keyof typeof published]
  const [own, destination] = [said['messaging.operation.name'], said['messaging.destination.name']]
  const unknown = Object.keys(said).filter((attribute) => !attributes.includes(attribute) && !attribute.startsWith('waybill.'))
  const missing = required.filter((attribute) => said[attribute] === undefined)

  return [
    ...(name === `${String(own)} ${String(destination)}` ? [] : [`"${name}" is not called by its operation and destination`]),
    ...((operation?.names as readonly unknown[] | undefined)?.includes(own) ? [] : [`"${name}" is of no published operation`]),
    ...((operation?.kinds as readonly SpanKind[] | undefined)?.includes(kind) ? [] : [`"${name}" is of kind ${SpanKind[kind]}`]),
    ...unknown.map((attribute) => `"${name}" says "${attribute}", which nobody publishes`),
    ...missing.map((attribute) => `"${name}" does not say "${attribute}"`),
  ]
}
