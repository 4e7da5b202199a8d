import { StoreConflict, StoreUnavailable, WaybillError } from '@waybill/core'

/** The five characters by which the database says what happened; undefined where it said nothing, as after a lost connection. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined

  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('E') ? code : undefined
}

/** What a caller can do about an error of the driver: nothing for what is ours already or the user's own. */
export function explain(error: unknown): unknown {
  if (error instanceof WaybillError) return error
  const state = sqlStateOf(error)
  if (state === undefined || isUnavailable(state)) {
    return new StoreUnavailable('STORE_UNAVAILABLE', `The database was expected to answer: ${sentenceOf(error)} Nothing was done. It is tried again when it is asked again.`, {
      cause: error,
    })
  }
  if (isConflict(state, error)) {
    return new StoreConflict('STORE_CONFLICT', `Another transaction was in the way (${state}): ${sentenceOf(error)} Nothing was committed; run the whole again.`, { cause: error })
  }

  return refusals[state]?.(error) ?? error
}

/** Whether the same work may succeed when it runs again, also where a tool of the user's has wrapped what the driver threw. */
export function meansAgain(error: unknown, depth = 0): boolean {
  if (error instanceof StoreConflict || isConflict(sqlStateOf(error), error)) return true

  return error instanceof Error && depth < 5 && meansAgain(error.cause, depth + 1)
}

/** Whether the partition that a row belongs to is not there yet. */
export function isWithoutPartition(error: unknown): boolean {
  return sqlStateOf(error) === '23514' && /no partition of relation/.test(messageOf(error))
}

/** Whether trying again cannot help: the way in is barred, or the place is not there. */
export function isRefusal(error: unknown): boolean {
  const state = sqlStateOf(error)

  return state !== undefined && !isUnavailable(state)
}

export function sentenceOf(error: unknown): string {
  const text = messageOf(error).trim()
  if (text === '') return 'no reason was given.'

  return text.endsWith('.') ? text : `${text}.`
}

function messageOf(error: unknown): string {
  // Of several addresses that were tried together the first tells as much as all.
  if (error instanceof AggregateError) return messageOf(error.errors[0])

  return error instanceof Error ? error.message : String(error)
}

// Class 08: connection; 57P: shut down, crashed, not started; 53300: no slot left;
function isUnavailable(state: string): boolean {
  return state.startsWith('08') || state.startsWith('57P') || state === '53300'
}

function isConflict(state: string | undefined, error: unknown): boolean {
  return state === '40001' || state === '40P01' || isWithoutPartition(error)
}

type Explanation = (error: unknown) => WaybillError

const rights: Explanation = (cause) =>
  new WaybillError(
    'STORE_RIGHTS',
    `The user of the database lacks a right: ${sentenceOf(cause)} It has to own the store's tables, or to be granted the role that does; partitions are made and dropped while the app runs.`,
    { cause },
  )

const tables: Explanation = (cause) =>
  new WaybillError('STORE_TABLES', `A table of the store is not as its version says: ${sentenceOf(cause)} Undo what was changed by hand, or restore the schema.`, { cause })

const late: Explanation = (cause) =>
  new WaybillError('STATEMENT_TIMEOUT', `The database ended a statement: ${sentenceOf(cause)} Make it faster, or raise "statementTimeout".`, { cause })

const readOnly: Explanation = (cause) =>
  new WaybillError(
    'READ_ONLY',
    `The transaction is read-only, and something was to be written or published in it: ${sentenceOf(cause)} Publish with { held: false }, or leave out readOnly; of several servers connect to the primary.`,
    { cause },
  )

const refusals: Readonly<Record<string, Explanation>> = { '25006': readOnly, '42501': rights, '57014': late }

/** As {@link explain}, for statements of the store itself: there a missing table or column was taken away by somebody. */
export function explainOwn(error: unknown): unknown {
  const state = sqlStateOf(error)

  return state === '42P01' || state === '42703' || state === '42883' || state === '3F000' ? tables(error) : explain(error)
}
