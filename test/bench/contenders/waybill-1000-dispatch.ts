import { waybillWith } from './waybill-listeners.js'

/** The same with a thousand listeners, each of which gets its share: finding the one must cost nothing. */
export const { footprint, declare, openPublisher, openConsumer, openReceiver } = waybillWith(1_000)
