import { waybillWith } from './waybill-listeners.js'

export const { footprint, declare, openPublisher, openConsumer, openReceiver } = waybillWith(1)
