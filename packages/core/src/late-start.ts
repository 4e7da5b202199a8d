import { WaybillError } from './error.js'
import type { Health } from './health.js'

/** Why a start was given up: what the app still waited for, and what to do about it. */
export function lateStart(app: string, deadline: string, { connections, reasons, store }: Health): WaybillError {
  const isBrokerAway = connections.length === 0 || connections.some(({ kind }) => kind !== 'connected')
  const away = [...(isBrokerAway ? ['broker'] : []), ...(store && !store.connected ? ['database'] : [])].join(' and ') || 'broker'
  // The first says that the app is starting.
  const found = reasons.slice(1).join(' ')
  const sentence = found === '' ? unanswered(connections.length > 0) : `${found} Start its ${away}, mend the address, or wait longer by \`startDeadline\`.`

  return new WaybillError('START_DEADLINE', `"${app}" ${found === '' ? 'has not started' : 'has no connection'} after ${deadline}. ${sentence}`)
}

function unanswered(isConnected: boolean): string {
  if (isConnected) return 'Its connections stand, and what it declares was not answered yet. Look at the log of the broker, or wait longer by `startDeadline`.'

  return 'No broker was asked yet: the `open` of a plugin has not ended. Look at its plugins, or wait longer by `startDeadline`.'
}
