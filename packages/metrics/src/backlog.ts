import type { GroupDepth, PluginHost } from '@waybill/core'
import { label } from './labels.js'
import { momentOf } from './moment.js'
import { metric } from './names.js'
import type { Subject } from './subject.js'

/** What waits for each group: here, and at the broker, which is asked now and then. Returns what ends the asking. */
export function backlogMetrics({ asking, host, glance, meters, observing, systemOf }: Subject): () => void {
  const labels = [label.system, label.channel, label.group] as const
  const ages = new Ages(host)
  const valuesOf = ({ transport, channel, group }: GroupDepth): Record<(typeof labels)[number], string> => ({
    [label.system]: systemOf(transport),
    [label.channel]: channel,
    [label.group]: group,
  })
  observing.on('processed', ({ channel, group, envelope }) => ages.seen(channel, group, envelope.time))

  meters.gauge({ name: metric.depth, help: 'Messages that wait at the broker for the group, over all processes; on a log its lag.', labels }, (gauge) => {
    for (const depth of asking.latest) gauge.set(valuesOf(depth), depth.waiting)
  })
  meters.gauge({ name: metric.deadDepth, help: 'Dead letters of the group that nobody has handled.', labels }, (gauge) => {
    for (const depth of asking.latest) if (depth.dead !== undefined) gauge.set(valuesOf(depth), depth.dead)
  })
  meters.gauge(
    { name: metric.consumers, help: 'Consumers of the group in all processes, where the broker tells; of several queues, the one with the fewest.', labels },
    (gauge) => {
      for (const depth of asking.latest) if (depth.consumers !== undefined) gauge.set(valuesOf(depth), depth.consumers)
    },
  )
  meters.gauge(
    { name: metric.oldest, help: 'At most so many seconds the oldest waiting message is old: all that wait were sent after the last one that was done.', labels },
    (gauge) => {
      for (const depth of asking.latest) gauge.set(valuesOf(depth), depth.waiting === 0 ? 0 : ages.oldest(depth))
    },
  )
  const own = [label.channel, label.group] as const
  meters.gauge({ name: metric.inFlight, help: 'Messages, or batches, that listeners of the group work on now.', labels: own }, (gauge) => {
    for (const { channel, group, running } of glance.health(metric.inFlight).consumers) gauge.set({ [label.channel]: channel, [label.group]: group }, running)
  })
  meters.gauge({ name: metric.blocked, help: 'Messages in hand that wait for those before them of their key, for their rate or for their next try.', labels: own }, (gauge) => {
    for (const { channel, group, blocked } of glance.health(metric.blocked).consumers) gauge.set({ [label.channel]: channel, [label.group]: group }, blocked)
  })

  return asking.start()
}

/** When the last message of each group that was done had been sent. */
class Ages {
  readonly #host: PluginHost
  readonly #sent = new Map<string, Sent>()
  readonly #began: number
  #last: Sent | undefined

  constructor(host: PluginHost) {
    this.#host = host
    this.#began = host.runtime.now()
  }

  seen(channel: string, group: string, time: unknown): void {
    const sent = momentOf(time)
    if (!(sent <= this.#host.runtime.now())) return
    if (this.#last?.channel !== channel || this.#last.group !== group) {
      this.#last = this.#sent.get(`${channel} ${group}`) ?? { channel, group, at: sent }
      this.#sent.set(`${channel} ${group}`, this.#last)
    }
    this.#last.at = sent
  }

  oldest({ channel, group }: GroupDepth): number {
    return Math.max(0, (this.#host.runtime.now() - (this.#sent.get(`${channel} ${group}`)?.at ?? this.#began)) / 1_000)
  }
}

interface Sent {
  readonly channel: string
  readonly group: string
  at: number
}
