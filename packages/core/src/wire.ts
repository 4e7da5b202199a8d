/** Every name on the wire. What stands here is read by other systems and other versions: it is never renamed. */

/** CloudEvents 1.0 attributes; the transport's binding gives the prefix (`cloudEvents_` on AMQP 0-9-1, `ce_` on Kafka). */
export const attribute = {
  id: 'id',
  specVersion: 'specversion',
  type: 'type',
  source: 'source',
  time: 'time',
  subject: 'subject',
  dataVersion: 'dataversion',
  correlationId: 'correlationid',
  causationId: 'causationid',
} as const

export const specVersion = '1.0'

/** W3C names, unprefixed on every transport. */
export const trace = { parent: 'traceparent', state: 'tracestate', baggage: 'baggage' } as const

/** Ours. Scalars only, and never `x-`, which brokers take for themselves. */
export const header = {
  attempt: 'waybill-attempt',
  /** On a dead letter: why it is dead (`SCHEMA`, `UNKNOWN_TYPE`, `FAILED` …) and the sentence that says so. */
  deadReason: 'waybill-dead-reason',
  deadMessage: 'waybill-dead-message',
  deadError: 'waybill-dead-error',
  deadStack: 'waybill-dead-stack',
  deadListener: 'waybill-dead-listener',
  deadGroup: 'waybill-dead-group',
  deadChannel: 'waybill-dead-channel',
  deadAttempts: 'waybill-dead-attempts',
  deadTime: 'waybill-dead-time',
  /** Where the dead letter was taken from, as JSON of its `Origin`. */
  deadOrigin: 'waybill-dead-origin',
  /** On a redriven message: which redrive it belongs to. Believed only of what was sent to a group itself. */
  redriven: 'waybill-redriven',
  /** On a dead letter with a key, and on its redrive: a UUIDv7 of its first death, by which letters of one key are put in order. */
  firstDeath: 'waybill-first-death',
  /** On a redriven message under a new id: the id that it had. */
  originId: 'waybill-origin-id',
  /** On a query: where its reply goes, on brokers that have no property for it. */
  replyTo: 'waybill-reply-to',
  /** On a reply that is an error. */
  replyError: 'waybill-reply-error',
  replyCode: 'waybill-reply-code',
  /** On a message that a log keeps back: the moment (ms since the epoch) before which nobody gets it. */
  due: 'waybill-due',
  /** On a query: the moment (ms since the epoch) at which nobody waits any more. */
  deadline: 'waybill-deadline',
  /** On a command of a saga: the saga's name, to be told where no listener could do it. */
  saga: 'waybill-saga',
  /** On a command that no message answers: its saga is also told that it is done. */
  receipt: 'waybill-receipt',
  /** On a command that comes again and is not to be done any more where it was not: its saga wants to know which. */
  withdraws: 'waybill-withdraws',
  /** On a command of a saga: the types of the replies that say that it was not done, with spaces between them. */
  refusals: 'waybill-refusals',
  /** On a command that takes another one back: the id of that one, and after a space its type. After another space `done`, where that one is known to have been done. */
  undoes: 'waybill-undoes',
  /** Typed context that travels with a call: `waybill-context-<name>`. */
  context: 'waybill-context-',
} as const

export const contentTypeJson = 'application/json'
