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

/** What stands at the broker beside that while the keys of a group are spread over another number of queues. Its waiting queue is that of the first of them, which processes of every number take from. */
export interface SpreadingNames {
  /** An exchange through which nothing passes: while it exists, the number is being changed, and it says from which to which. */
  readonly change: string
  /** One for all entries. */
  readonly bypass: string
  /** An exchange that leads to each of the new queues what its slots are. */
  readonly split: string
  /** An exchange that takes what the split routes nowhere, because somebody bound it by hand. */
  readonly rest: string
}

export function spreadingNames(share: string): SpreadingNames {
  return { change: `${prefix}${share}`, bypass: `waybill.moved.${share}`, split: `waybill.split.${share}`, rest: `waybill.rest.${share}` }
}

/** The type of the message that says: who takes it has to go elsewhere. It is sent to the queue itself, never over a channel. */
export const signpost = 'waybill.moving'

/** Where a signpost stands, as its id: at the head of a queue that was made, or at the end of one that goes. */
export type SignpostPlace = 'head' | 'end'

const prefix = 'waybill.moving.'
