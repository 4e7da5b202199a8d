/**
 * What an error of a driver says about a request.
 * `refused`: trying again cannot help. `too-large`: nothing was written, because of one message or of their sum.
 * `bad-record`: nothing was written, because of one of the messages. `not-yet`: nothing was written, soon it may be.
 * `unknown`: it may have been done.
 */
export type BrokerVerdict = 'refused' | 'too-large' | 'bad-record' | 'not-yet' | 'unknown'

const verdicts: Readonly<Record<string, BrokerVerdict>> = {
  MESSAGE_TOO_LARGE: 'too-large',
  RECORD_LIST_TOO_LARGE: 'too-large',
  CORRUPT_MESSAGE: 'bad-record',
  INVALID_RECORD: 'bad-record',
  INVALID_TIMESTAMP: 'bad-record',
  UNKNOWN_TOPIC_OR_PARTITION: 'not-yet',
  LEADER_NOT_AVAILABLE: 'not-yet',
  NOT_LEADER_FOR_PARTITION: 'not-yet',
  NOT_ENOUGH_REPLICAS: 'not-yet',
  REPLICA_NOT_AVAILABLE: 'not-yet',
  FENCED_LEADER_EPOCH: 'not-yet',
  UNKNOWN_LEADER_EPOCH: 'not-yet',
  INVALID_TOPIC_EXCEPTION: 'refused',
  TOPIC_AUTHORIZATION_FAILED: 'refused',
  GROUP_AUTHORIZATION_FAILED: 'refused',
  CLUSTER_AUTHORIZATION_FAILED: 'refused',
  INVALID_REQUIRED_ACKS: 'refused',
  INVALID_SESSION_TIMEOUT: 'refused',
  INVALID_GROUP_ID: 'refused',
  POLICY_VIOLATION: 'refused',
  UNSUPPORTED_SASL_MECHANISM: 'refused',
  ILLEGAL_SASL_STATE: 'refused',
  SASL_AUTHENTICATION_FAILED: 'refused',
  KafkaJSSASLAuthenticationError: 'refused',
  // Our own, thrown before anything is sent.
  BrokerRefused: 'refused',
  KafkaJSTopicMetadataNotLoaded: 'not-yet',
  KafkaJSMetadataNotLoaded: 'not-yet',
}

/** What stood between a request and its broker: no connection, or nobody who says where to send it. */
export class NotSent extends Error {
  constructor(cause: unknown) {
    super(sentenceOf(cause), { cause })
    this.name = 'NotSent'
  }
}

/** Of what comes before a request: its failure is one of those after which nothing was sent. */
export async function beforeSending<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new NotSent(error)
  }
}

/** Reads the verdict off the error itself or the one that it wraps. What nobody knows may have been done, if it was sent. */
export function verdictOf(error: unknown): BrokerVerdict {
  const cause = rootOf(error)

  return verdicts[wordOf(cause, 'type')] ?? verdicts[wordOf(cause, 'name')] ?? (error instanceof NotSent ? 'not-yet' : 'unknown')
}

/** Kafka's own word for what went wrong, `MESSAGE_TOO_LARGE`, else the name of the error. */
export function codeOf(error: unknown): string {
  const cause = rootOf(error)

  return wordOf(cause, 'type') || wordOf(cause, 'name')
}

/** A broker said it, or it is refused here: not just a request that came to nothing. */
export function isAnswer(error: unknown): boolean {
  return verdictOf(error) !== 'unknown' || wordOf(rootOf(error), 'type') !== ''
}

/** The certificates of the two sides do not fit, or one of them speaks no TLS. */
export function isTlsRefusal(error: unknown): boolean {
  const cause = rootOf(error)
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return false

  return /^(ERR_TLS_|ERR_SSL_|EPROTO$|UNABLE_TO_|DEPTH_ZERO_|HOSTNAME_MISMATCH$|(SELF_SIGNED_)?CERT_)/.test(String(cause.code))
}

/** The error's own sentence, without the stack that kafkajs sometimes puts into it. */
export function sentenceOf(error: unknown): string {
  const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split('\n')

  return sentence
}

/** What an error holds where one request was refused for several reasons, else the error itself. */
export function causesOf(error: unknown): readonly unknown[] {
  if (typeof error !== 'object' || error === null) return [error]
  if ('errors' in error && Array.isArray(error.errors) && error.errors.length > 0) return error.errors

  return 'cause' in error && error.cause ? causesOf(error.cause) : [error]
}

/** kafkajs wraps what happened in one error per layer. */
function rootOf(error: unknown): unknown {
  let root = error
  for (let depth = 0; depth < 10; depth++) {
    if (typeof root !== 'object' || root === null) break
    const next: unknown = 'cause' in root && root.cause ? root.cause : firstOf(root)
    if (!next || next === root) break
    root = next
  }

  return root
}

function firstOf(error: object): unknown {
  return 'errors' in error && Array.isArray(error.errors) ? error.errors[0] : undefined
}

function wordOf(error: unknown, key: 'type' | 'name'): string {
  if (typeof error !== 'object' || error === null) return ''
  const value = (error as Readonly<Record<string, unknown>>)[key]

  return typeof value === 'string' ? value : ''
}
