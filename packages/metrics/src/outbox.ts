import type { OutboxEvent } from '@waybill/core'
import type { Durations } from './durations.js'
import { label } from './labels.js'
import { metric } from './names.js'
import type { Count } from './series-counter.js'
import type { Listening, Subject } from './subject.js'

/** What waits in the outbox, how fast it leaves, and what the inbox kept from running twice. Nothing where the app has no store. */
export function outboxMetrics({ host, listeners, meters, observing, options }: Subject): void {
  const labels = [label.shard] as const
  const sent = meters.counter({ name: metric.outboxSent, help: 'Messages that the relay has sent.', labels })
  const shards = new Map<string, OutboxEvent>()
  observing.on('outbox', (event) => {
    shards.set(event.shard, event)
    sent.series({ [label.shard]: event.shard })
  })
  meters.gauge({ name: metric.outboxPending, help: 'Messages that were committed and that no relay has sent yet.', labels }, (gauge) => {
    for (const { shard, pending } of shards.values()) gauge.set({ [label.shard]: shard }, pending)
  })
  meters.gauge({ name: metric.outboxOldest, help: 'Seconds since the commit of the oldest of them.', labels }, (gauge) => {
    for (const { shard, oldestMs } of shards.values()) gauge.set({ [label.shard]: shard }, (oldestMs ?? 0) / 1_000)
  })
  meters.gauge({ name: metric.outboxParked, help: 'Messages that were set aside with their key, as no broker takes them.', labels }, (gauge) => {
    for (const { shard, parked } of shards.values()) gauge.set({ [label.shard]: shard }, parked)
  })

  const dispatch = meters.histogram({ name: metric.outboxDispatch, help: 'Seconds from the commit to the confirm, of the oldest of each page.', labels }, options.buckets.critical)
  const dispatched = new Map<string, Durations>()
  observing.on('relayed', (event) => {
    sent.series({ [label.shard]: event.shard }).count += event.sent
    if (event.sent === 0) return
    const series = dispatched.get(event.shard) ?? dispatch.series({ [label.shard]: event.shard })
    dispatched.set(event.shard, series)
    dispatch.add(series, event.oldestMs / 1_000)
  })

  const duplicates = meters.counter({ name: metric.duplicates, help: 'Messages that the inbox had already, so that they did not run again.', labels: [label.channel, label.group] })
  const ofGroup = ({ channel, group }: Pick<Listening, 'channel' | 'group'>): Count => duplicates.series({ [label.channel]: channel, [label.group]: group })
  if (host.transactions) for (const listener of listeners) ofGroup(listener)
  observing.on('duplicated', (event) => ofGroup(event).count++)
}
