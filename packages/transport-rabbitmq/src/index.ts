export type { ManagementOptions } from './management-options.js'
export type { RabbitCredentials, RabbitOptions } from './options.js'
export { rabbitmq } from './transport.js'
