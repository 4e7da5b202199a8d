import { metrics } from '@waybill/metrics'
import { observed } from '../observed-rabbitmq.js'

/** With metrics as they are by default. */
export const { footprint, declare, openPublisher, openConsumer } = observed(() => [metrics()])
