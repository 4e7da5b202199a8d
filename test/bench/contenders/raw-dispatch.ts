import { rawWith } from './raw-listeners.js'

export const { footprint, declare, openPublisher, openConsumer, openReceiver } = rawWith(1)
