import { waybillWith } from './waybill-listeners.js'

/** A thousand listeners, each of which gets its share: what they keep is cold in the caches of the processor when their turn comes. */
export const { footprint, declare, openPublisher, openConsumer, openReceiver } = waybillWith(1_000)
