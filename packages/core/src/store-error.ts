import { DeadLetter, Ignore, Retry } from './decision.js'
import { WaybillError } from './error.js'

/** Another transaction was in the way (a deadlock, a serialization failure): nothing was committed, and the same work may succeed when it runs again. */
export class StoreConflict extends WaybillError {}

/** The database cannot be reached, or has no connection free: nothing was done. It may be there again later. */
export class StoreUnavailable extends WaybillError {}

/** More waits in the store for a broker than is to wait: nothing was done. It is taken again when less waits. */
export class StoreFull extends StoreUnavailable {}

/** The connection was lost between a commit and its answer: it may have happened. With an inbox row in it, running again tells. */
export class CommitUnknown extends WaybillError {}

/** What says that the store is away, also where a tool of the user's has wrapped it. A decision and an error of ours are what they are. */
export function outageIn(error: unknown, depth = 0): StoreUnavailable | CommitUnknown | undefined {
  if (error instanceof StoreUnavailable || error instanceof CommitUnknown) return error
  if (!(error instanceof Error) || depth === 5) return undefined
  if ([WaybillError, DeadLetter, Ignore, Retry].some((own) => error instanceof own)) return undefined

  return outageIn(error.cause, depth + 1)
}
