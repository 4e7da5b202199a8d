import { spring } from './spring.mjs'

/** Spring Kafka; what it does stands in spring/SpringKafka.java. */

export { prepare } from '../../setup/spring.mjs'
export { declare, footprint } from '../dist/contenders/raw-kafka.js'

export const { openConsumer, openPublisher, worksIn } = spring('SpringKafka')
