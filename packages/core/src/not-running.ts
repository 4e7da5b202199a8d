import { WaybillError } from './error.js'
import type { Health } from './health.js'

/** What was asked of an app that does not run: `what` is for people, `app.publish`. */
export function notRunning(app: string, state: Health['state'], what: string): WaybillError {
  const stopped = state === 'stopped' || state === 'stopping'

  return new WaybillError(
    stopped ? 'STOPPED' : 'NOT_STARTED',
    `${what} needs ${what === 'app.start' ? 'a new app' : 'a running app'}, and "${app}" is ${state}. ${stopped ? 'An app that has stopped stays so: create another.' : 'Await app.start() first.'}`,
  )
}
