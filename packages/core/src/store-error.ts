import { WaybillError } from './error.js'

/** Another transaction was in the way (a deadlock, a serialization failure): nothing was committed, and the same work may succeed when it runs again. */
export class StoreConflict extends WaybillError {}

/** The database cannot be reached, or has no connection free: nothing was done. It may be there again later. */
export class StoreUnavailable extends WaybillError {}

/** The connection was lost between a commit and its answer: it may have happened. With an inbox row in it, running again tells. */
export class CommitUnknown extends WaybillError {}
