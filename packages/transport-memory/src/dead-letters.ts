import { BrokerRefused, type DeadLetterAccess, type GroupAddress, type RawDelivery } from '@waybill/core'
import type { Broker } from './broker/broker.js'
import type { Channel } from './broker/channel.js'
import type { Entry } from './broker/message.js'
import type { Queue } from './broker/queue.js'
import type { Connection } from './connection.js'
import type { Layout } from './topology.js'
import { MemoryDelivery } from './wire.js'

type Decide = Parameters<DeadLetterAccess['take']>[2]

/** The dead letters of every group, whichever app declared it. One process looks or takes after another: what is held is shown to nobody else. */
export class DeadLetters implements DeadLetterAccess {
  readonly #broker: Broker
  readonly #connection: Connection
  readonly #layout: Layout

  constructor(broker: Broker, connection: Connection, layout: Layout) {
    this.#broker = broker
    this.#connection = connection
    this.#layout = layout
  }

  async list(of: GroupAddress, limit: number): Promise<readonly RawDelivery[]> {
    await this.#connection.established()
    const queue = this.#queueOf(of)

    return this.#broker.looks.take(queue.name, async () => [...queue.peek(limit)].map(letterOf))
  }

  async take(of: GroupAddress, limit: number, decide: Decide): Promise<number> {
    await this.#connection.established()
    const queue = this.#queueOf(of)

    const { removed } = await this.#broker.looks.take(queue.name, () => this.#take(queue, limit, decide))

    return removed
  }

  /** Its turn ends with its connection, which gives back what it holds: an answer may never come. */
  async #take(queue: Queue, limit: number, decide: Decide): Promise<{ readonly removed: Promise<number> }> {
    const session = await this.#connection.established()

    let removed = Promise.resolve(0)
    await new Promise<void>((onClose) => {
      const channel = session.channel({ window: limit, noAck: false, deliver: () => undefined, onClose })
      removed = decideEach(channel, queue, limit, decide).finally(() => session.release(channel))
      // Whoever takes hears it, but only after this turn.
      removed.catch(() => undefined)
    })

    return { removed }
  }

  #queueOf({ channel, group }: GroupAddress): Queue {
    const name = this.#layout.deadLetters(channel, group)
    const queue = this.#broker.findQueue(name)
    if (queue === undefined) throw new BrokerRefused('NO_SUCH_QUEUE', `There is no queue "${name}", so nobody knows group "${group}" on channel "${channel}". Check both names.`)

    return queue
  }
}

async function decideEach(channel: Channel, queue: Queue, limit: number, decide: Decide): Promise<number> {
  let removed = 0
  for (const entry of channel.hold(queue, limit)) {
    const answer = await decide(letterOf(entry))
    if (answer === 'stop') break
    if (answer === 'keep' || channel.isClosed) continue
    channel.ack(entry)
    removed++
  }

  return removed
}

/** To be looked at: what becomes of it, the answer of `decide` says. */
function letterOf(entry: Entry): RawDelivery {
  return new MemoryDelivery(entry, entry.deliveries, undefined, () => undefined)
}
