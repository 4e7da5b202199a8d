import { BrokerRefused, type Depth, type GroupAddress } from '@waybill/core'
import type { Broker } from './broker/broker.js'
import type { Queue } from './broker/queue.js'
import type { Layout } from './topology.js'

/** What waits in the queues of a group, and beside them as dead letters. */
export function depthOf(broker: Broker, layout: Layout, { channel, group }: GroupAddress): Depth {
  const names = [layout.queue(channel, group), ...layout.keyedQueues(channel, group)]
  const find = (name: string): Queue => {
    const found = broker.findQueue(name)
    if (found) return found
    throw new BrokerRefused('NO_SUCH_QUEUE', `There is no queue "${name}", so nobody knows how much waits for group "${group}" on channel "${channel}". Check both names.`)
  }
  const queues = names.map(find)

  return {
    waiting: queues.reduce((sum, queue) => sum + queue.waiting, 0),
    dead: find(layout.deadLetters(channel, group)).waiting,
    consumers: Math.min(...queues.map(({ consumers }) => consumers)),
  }
}
