import { monitorEventLoopDelay } from 'node:perf_hooks'
import { collectDefaultMetrics } from 'prom-client'
import { label } from './labels.js'
import { metric } from './names.js'
import type { Subject } from './subject.js'

const resolutionMs = 20

/** How the process does: whether its loop is held up, and what it is. Returns what ends the watching. */
export function processMetrics({ host, meters, options }: Subject): () => void {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  meters.gauge({ name: metric.loopDelay, help: 'Seconds by which the event loop was late since it was last looked at.', labels: [label.quantile] }, (gauge) => {
    for (const quantile of [0.5, 0.99, 1])
      gauge.set({ [label.quantile]: String(quantile) }, delay.count === 0 ? 0 : Math.max(0, delay.percentile(quantile * 100) / 1e9 - resolutionMs / 1e3))
    delay.reset()
  })
  meters.gauge({ name: metric.build, help: '1, with the name of the app and the version of Node.', labels: [label.app, label.node] }, (gauge) =>
    gauge.set({ [label.app]: host.app, [label.node]: process.version }, 1),
  )
  if (options.defaults) collectDefaultMetrics({ register: meters.registry })

  return () => delay.disable()
}
