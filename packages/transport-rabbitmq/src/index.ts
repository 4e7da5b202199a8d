export type { RabbitCredentials, RabbitOptions } from './options.js'
export { rabbitmq } from './transport.js'
