/** Every label. The first three are those of OpenTelemetry, dots as underscores; none takes a value that a message brings along. */
export const label = {
  system: 'messaging_system',
  channel: 'messaging_destination_name',
  group: 'messaging_consumer_group_name',
  operation: 'messaging_operation_name',
  error: 'error_type',
  message: 'message',
  listener: 'listener',
  reason: 'reason',
  keptBy: 'kept_by',
  transport: 'transport',
  shard: 'shard',
  saga: 'saga',
  status: 'status',
  purpose: 'purpose',
  quantile: 'quantile',
  app: 'app',
  node: 'node',
} as const

export type Label = (typeof label)[keyof typeof label]

/** Of one series; a label that it has none of is left out. */
export type Values = Partial<Record<Label, string>>

/** As the format of Prometheus writes them. */
export function textOf(values: Values): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')}"`)
    .join(',')
}
