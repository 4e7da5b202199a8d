import type { AppOptions } from './app-options.js'
import { WaybillError } from './error.js'
import type { Health } from './health.js'

/** Why a start was given up: what the app still waited for, a plugin or its connections, and what to do about it. */
export function lateStart({ name, startDeadline }: AppOptions, { connections, reasons, store }: Health, plugin: string | undefined): WaybillError {
  // The first says that the app is starting.
  const found = reasons.slice(1).join(' ')
  const late = (what: string, sentence: string): WaybillError =>
    new WaybillError('START_DEADLINE', `"${name}" has ${what} after ${startDeadline}${sentence}, or wait longer by \`startDeadline\`.`)
  if (plugin !== undefined) return late('not started', `: its plugin "${plugin}" has not. Mend the plugin`)
  if (found === '') return late('not started', '. Its connections stand, and what it declares was not answered yet. Look at the log of the broker')
  const isBrokerAway = connections.length === 0 || connections.some(({ kind }) => kind !== 'connected')
  const away = [...(isBrokerAway ? ['broker'] : []), ...(store && !store.connected ? ['database'] : [])].join(' and ') || 'broker'

  return late('no connection', `. ${found} Start its ${away}, mend the address`)
}
