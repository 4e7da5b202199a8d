/** What stands at the broker while a queue is moved to other arguments. */
export interface MovingNames {
  /** An exchange through which all that is bound to the queue comes while it is moved. Where it exists, nobody goes back to the queue who was sent away from it. */
  readonly entry: string
  /** An exchange that takes what the entry routes nowhere: one binding more or less decides, at once for all keys, whether messages go to the queue or wait. */
  readonly bypass: string
  /** The queue in which messages wait meanwhile. */
  readonly waiting: string
  /** An exchange through which nothing passes: while it exists, what waits is to be taken, and before anything that is in the queue. */
  readonly open: string
}

export function movingNames(queue: string): MovingNames {
  return { entry: `${prefix}${queue}`, bypass: `waybill.moved.${queue}`, waiting: `${prefix}${queue}`, open: `waybill.open.${queue}` }
}

/** The queue whose move an exchange tells of; undefined where it is no such exchange. */
export function queueInMove(exchange: string): string | undefined {
  return exchange.startsWith(prefix) ? exchange.slice(prefix.length) : undefined
}

/** The type of the message that says: who takes it has to go elsewhere. It is sent to the queue itself, never over a channel. */
export const signpost = 'waybill.moving'

const prefix = 'waybill.moving.'
