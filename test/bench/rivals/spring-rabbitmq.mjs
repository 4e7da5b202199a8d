import { spring } from './spring.mjs'

/** Spring AMQP; what it does stands in spring/SpringRabbitmq.java. */

export { prepare } from '../../setup/spring.mjs'
export { declare, footprint } from './quorum-queues.mjs'

export const { openAsker, openConsumer, openPublisher, openResponder, worksIn } = spring('SpringRabbitmq')
