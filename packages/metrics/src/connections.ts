import { label } from './labels.js'
import { metric } from './names.js'
import type { Subject } from './subject.js'

/** How the connections stand, and what waits to be confirmed over them. */
export function connectionMetrics({ glance, meters, observing }: Subject): void {
  const labels = [label.transport, label.purpose] as const
  const reconnects = meters.counter({ name: metric.reconnects, help: 'Connections that stood again after they had been lost.', labels })
  const lost = new Set<string>()
  observing.on('connection', ({ transport, purpose, kind }) => {
    const name = `${transport} ${purpose}`
    if (kind === 'lost') lost.add(name)
    if (kind !== 'connected') return
    const again = reconnects.series({ [label.transport]: transport, [label.purpose]: purpose })
    if (lost.delete(name)) again.count++
  })

  meters.gauge({ name: metric.up, help: '1 where the connection stands, also while the broker blocks it.', labels }, (gauge) => {
    for (const { transport, purpose, kind } of glance.health(metric.up).connections)
      gauge.set({ [label.transport]: transport, [label.purpose]: purpose }, kind === 'connected' || kind === 'blocked' ? 1 : 0)
  })
  meters.gauge({ name: metric.connectionBlocked, help: '1 where the broker takes nothing: it is short of memory or disk.', labels }, (gauge) => {
    for (const { transport, purpose, kind } of glance.health(metric.connectionBlocked).connections)
      gauge.set({ [label.transport]: transport, [label.purpose]: purpose }, kind === 'blocked' ? 1 : 0)
  })
  meters.gauge({ name: metric.unconfirmed, help: 'Messages that were published and are not settled.', labels: [label.transport] }, (gauge) => {
    for (const { transport, unsettled } of glance.health(metric.unconfirmed).publishers) gauge.set({ [label.transport]: transport }, unsettled)
  })
  meters.gauge({ name: metric.waiting, help: 'Callers that wait to publish until there is room.', labels: [label.transport] }, (gauge) => {
    for (const { transport, waiting } of glance.health(metric.waiting).publishers) gauge.set({ [label.transport]: transport }, waiting)
  })
}
