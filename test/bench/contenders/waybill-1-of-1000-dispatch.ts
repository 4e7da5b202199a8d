import { orderSchema } from '../order-schema.js'
import { waybillWith } from './waybill-listeners.js'

/** The same bytes to the same listener, with 999 others beside it that get nothing: finding the one among them must cost nothing. */
export const { footprint, declare, openPublisher, openConsumer, openReceiver } = waybillWith(1_000, orderSchema, 1)
