import { rawWith } from './raw-listeners.js'

/** The loop by hand with a thousand listeners: what a thousand cost everybody, because the memory of each is cold when its turn comes. */
export const { footprint, declare, openPublisher, openConsumer, openReceiver } = rawWith(1_000)
