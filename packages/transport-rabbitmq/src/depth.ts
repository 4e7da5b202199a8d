import { type Depth, type GroupAddress, WaybillError } from '@waybill/core'
import type { Replies } from 'amqplib/callback_api'
import type { Connection } from './connection.js'
import { openQuietChannel } from './declarations.js'
import { call, closeChannel } from './driver.js'
import { refusalOfDeclare, replyCodeOf } from './refusal.js'
import type { Names } from './topology.js'

/** Asks the broker about every queue of a group, on a channel of its own: a queue that is missing closes it. */
export async function depthOf(connection: Connection, names: Names, { channel: family, group }: GroupAddress): Promise<Depth> {
  const { model } = connection
  if (!model)
    throw new WaybillError('NOT_CONNECTED', `How much waits for group "${group}" on "${family}" cannot be told: there is no connection to RabbitMQ. Ask again when it is back.`)
  const channel = await openQuietChannel(model)
  const look = (queue: string): Promise<Replies.AssertQueue> => call((done) => channel.checkQueue(queue, done))
  try {
    const queues: Replies.AssertQueue[] = []
    for (const queue of names.queues(family, group)) queues.push(await look(queue))
    const dead = await look(names.deadQueue(family, group))
    await closeChannel(channel)

    return {
      waiting: queues.reduce((sum, { messageCount }) => sum + messageCount, 0),
      dead: dead.messageCount,
      consumers: Math.min(...queues.map(({ consumerCount }) => consumerCount)),
    }
  } catch (error) {
    throw replyCodeOf(error) === undefined ? error : refusalOfDeclare(error, `a queue of group "${group}" on "${family}"`)
  }
}
