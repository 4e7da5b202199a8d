/** Every attribute, as OpenTelemetry's semantic conventions 1.44 call it. Ours start with `waybill.`. */
export const attribute = {
  system: 'messaging.system',
  destination: 'messaging.destination.name',
  operation: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  messageId: 'messaging.message.id',
  conversation: 'messaging.message.conversation_id',
  bodySize: 'messaging.message.body.size',
  batchCount: 'messaging.batch.message_count',
  group: 'messaging.consumer.group.name',
  error: 'error.type',
  message: 'waybill.message',
  listener: 'waybill.listener',
  attempt: 'waybill.attempt',
  redelivered: 'waybill.redelivered',
  reason: 'waybill.reason',
  afterMs: 'waybill.retry.after_ms',
} as const
