/** What a broker answered instead of what it was asked for. */
export class BrokerAnswer extends Error {
  /** Kafka's own word for it. */
  readonly type: string
  /** All that it answered, where only part of it is an error. */
  readonly response: unknown

  constructor({ type, message, response }: { readonly type: string; readonly message: string; readonly response?: unknown }) {
    super(message)
    this.name = 'BrokerAnswer'
    this.type = renamed[type] ?? type
    this.response = response
  }
}

const loginRefused = 'SASL_AUTHENTICATION_FAILED'
const leads = 'NOT_LEADER_FOR_PARTITION'
/** Kafka gave them another name later. */
const renamed: Readonly<Record<string, string>> = { NOT_LEADER_OR_FOLLOWER: leads }

/** No answer in time. Nobody knows what became of the request. */
export class AnswerLate extends Error {
  constructor(address: string, ms: number) {
    super(`The broker at ${address} was expected to answer within ${ms} ms and did not`)
    this.name = 'AnswerLate'
  }
}

/** An error of the library in Kafka's words, where a broker said something; else as it is. */
export function toldBy(error: unknown, address: string): unknown {
  const answer = findIn(error, (one) => typeof one.apiId === 'string')
  if (answer) return new BrokerAnswer({ type: String(answer.apiId), message: String(answer.message), response: findIn(error, (one) => one.response !== undefined)?.response })
  const refusal = findIn(error, (one) => one.code === 'PLT_KFK_AUTHENTICATION')
  const isClosed = findIn(error, (one) => one.code === 'PLT_KFK_NETWORK' && one.message === 'Connection closed')
  if (isClosed) return new Error(`The connection to ${address} was closed before the broker answered`, { cause: error })
  if (refusal) return new BrokerAnswer({ type: loginRefused, message: String(refusal.message) })

  const reason = findIn(error, (one) => typeof one.syscall === 'string' || (typeof one.code === 'string' && !one.code.startsWith('PLT_')))

  return reason ? new Error(`The connection to ${address} failed: ${String(reason.message)}`, { cause: error }) : error
}

type Found = Readonly<Record<string, unknown>>

/** Errors of the library hold what happened as their cause, or as one of several. */
function findIn(error: unknown, fits: (one: Found) => boolean, depth = 0): Found | undefined {
  if (typeof error !== 'object' || error === null || depth > 10) return undefined
  const one = error as Found
  if (fits(one)) return one
  const within = [one.cause, ...(Array.isArray(one.errors) ? (one.errors as readonly unknown[]) : [])]
  for (const inner of within) {
    const found = findIn(inner, fits, depth + 1)
    if (found) return found
  }

  return undefined
}
