export type { Metrics } from './metrics.js'
export { metrics } from './metrics.js'
export type { MetricsOptions, MetricsRegistry, ServeOptions } from './options.js'
