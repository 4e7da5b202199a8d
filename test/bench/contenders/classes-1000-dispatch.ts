import { newClass } from './order-instances.js'
import { rawWith } from './raw-listeners.js'

/** The same with a thousand handlers and classes: what classes of one's own cost everybody, when the memory of each is cold. */
export const { footprint, declare, openPublisher, openConsumer, openReceiver } = rawWith(1_000, newClass)
