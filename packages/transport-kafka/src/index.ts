export type { KafkaOptions } from './options.js'
export type { ReplayRange } from './replay.js'
export type { KafkaLog } from './transport.js'
export { kafka } from './transport.js'
