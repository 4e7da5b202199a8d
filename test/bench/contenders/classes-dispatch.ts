import { newClass } from './order-instances.js'
import { rawWith } from './raw-listeners.js'

/** The loop by hand, where a handler gets an instance of a class. */
export const { footprint, declare, openPublisher, openConsumer, openReceiver } = rawWith(1, newClass)
