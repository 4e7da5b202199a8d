import type { AppOptions } from './app-options.js'
import { WaybillError } from './error.js'
import type { Group } from './group.js'
import type { Health } from './health.js'
import type { Link } from './link.js'

interface Parts {
  readonly state: Health['state']
  readonly links: readonly Link[]
  readonly groups: readonly Group[]
  readonly store: Health['store']
}

/** What the parts of an app say of themselves, and why it is not ready. */
export function healthOf({ state, links, groups, store }: Parts): Health {
  const consumers = groups.map((group) => group.health())
  const connections = links.flatMap(({ name, states }) => states.map((one) => ({ ...one, transport: name })))
  const publishers = links.map(({ name, sender }) => ({ transport: name, unsettled: sender.unsettled, bytes: sender.room.bytes, waiting: sender.room.waiting }))
  const reasons = [
    ...(state === 'running' ? [] : [`The app is ${state}.`]),
    ...connections.filter(({ kind }) => kind !== 'connected').map(({ transport, purpose, kind, reason }) => `${transport}, ${purpose}: ${kind}${reason ? `, ${reason}` : ''}.`),
    ...(store && !store.connected ? [`The store "${store.name}" is not connected${store.reason ? `: ${store.reason}` : '.'}`] : []),
    ...consumers.filter(({ attached }) => !attached).map(({ channel, group, reason }) => `Group "${group}" on "${channel}" is not attached${reason ? `: ${reason}` : ''}.`),
    ...consumers
      .filter(({ attached, paused, unsettled }) => attached && paused && unsettled === 0)
      .map(
        ({ channel, group, blocked }) =>
          `Group "${group}" on "${channel}" is paused with nothing unsettled: ${blocked} deliveries of a lost connection or channel fill its window, and are let go within a second.`,
      ),
    ...publishers
      .filter(({ waiting }) => waiting > 0)
      .map(({ transport, unsettled, bytes, waiting }) => `${transport}: ${waiting} callers wait to publish behind ${unsettled} messages (${bytes} bytes) that are not confirmed.`),
  ]

  return { live: true, ready: reasons.length === 0, state, connections, publishers, consumers, store, reasons }
}

/** Of an app that has not started in its time: what it waits for, and what to do. */
export function lateStart({ name, startDeadline }: AppOptions, { connections, reasons, store }: Health, plugin: string | undefined): WaybillError {
  if (plugin !== undefined) {
    return new WaybillError(
      'START_DEADLINE',
      `"${name}" has not started after ${startDeadline}: its plugin "${plugin}" has not. Mend the plugin, or wait longer by \`startDeadline\`.`,
    )
  }
  const isBrokerAway = connections.length === 0 || connections.some(({ kind }) => kind !== 'connected')
  const away = [...(isBrokerAway ? ['broker'] : []), ...(store && !store.connected ? ['database'] : [])].join(' and ') || 'broker'

  return new WaybillError(
    'START_DEADLINE',
    `"${name}" has no connection after ${startDeadline}. ${reasons.slice(1).join(' ')} Start its ${away}, mend the address, or wait longer by \`startDeadline\`.`,
  )
}
