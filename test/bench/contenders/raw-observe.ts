import { observed } from '../observed-rabbitmq.js'

/** Waybill with nobody looking: what the others are measured against. */
export const { footprint, declare, openPublisher, openConsumer } = observed(() => [])
