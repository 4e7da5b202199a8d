import type { Contender } from '../contender.js'
import { stopwatch } from '../stopwatch.js'
import { orderSchema } from '../order-schema.js'
import { waybillWith } from './waybill-listeners.js'

const theirs = stopwatch()
const standard = orderSchema['~standard']
const timed = waybillWith(1, { '~standard': { ...standard, validate: theirs.around(standard.validate) } })

export const { footprint, declare, openPublisher, openConsumer } = timed

/** Waybill with clocks around what is not its own: parsing, the schema and the handler. One by one, its latencies are its own part alone. */
export const openReceiver: Contender['openReceiver'] = async (room, handle) => {
  const parse = JSON.parse
  JSON.parse = theirs.around(parse)
  const receiver = await timed.openReceiver(room, theirs.around(handle))

  return {
    receive: (bodies) => receiver.receive(bodies),
    theirsMs: () => theirs.ms,
    close: async () => {
      JSON.parse = parse
      await receiver.close()
    },
  }
}
