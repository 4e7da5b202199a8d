import { countOf } from './count-of.js'
import type { Group } from './group.js'
import type { Health } from './health.js'
import type { Link } from './link.js'
import { sentence } from './sentence.js'

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
    ...awayOf(connections),
    ...(store && !store.connected ? [sentence(`The store "${store.name}" is not connected${store.reason ? `: ${store.reason}` : ''}`)] : []),
    ...consumers
      .filter(({ attached }) => !attached)
      .map(({ channel, group, reason }) => sentence(`Group "${group}" on "${channel}" is not attached${reason ? `: ${reason}` : ''}`)),
    ...consumers.flatMap(({ channel, group, partitions = [] }) =>
      partitions
        .filter(({ reason }) => reason !== undefined)
        .map(({ address, partition, reason }) => sentence(`Group "${group}" on "${channel}" does not read partition ${partition} of "${address}": ${reason}`)),
    ),
    ...consumers
      .filter(({ attached, paused, unsettled }) => attached && paused && unsettled === 0)
      .map(
        ({ channel, group, blocked }) =>
          `Group "${group}" on "${channel}" is paused with nothing unsettled: ${countOf(blocked, 'delivery of a lost connection or channel fills its window, and is', 'deliveries of a lost connection or channel fill its window, and are')} let go within a second.`,
      ),
    ...publishers
      .filter(({ waiting }) => waiting > 0)
      .map(
        ({ transport, unsettled, bytes, waiting }) =>
          `${transport}: ${countOf(waiting, 'caller waits', 'callers wait')} to publish behind ${countOf(unsettled, 'message')} (${countOf(bytes, 'byte')}) not confirmed yet.`,
      ),
  ]

  return { live: true, ready: reasons.length === 0, state, connections, publishers, consumers, store, reasons }
}

/** Connections of one transport are mostly away for one cause: it is said once. */
function awayOf(connections: Health['connections']): readonly string[] {
  const away = connections.filter(({ kind }) => kind !== 'connected')
  const together = away.map(({ transport, reason }) => away.filter((other) => other.transport === transport && other.reason === reason))
  const once = together.filter(([first], index) => first === away[index])

  return once.map((ones) => sentence(`${ones[0]?.transport}, ${ones.map(({ purpose, kind }) => `${purpose} ${kind}`).join(', ')}${ones[0]?.reason ? `: ${ones[0].reason}` : ''}`))
}
