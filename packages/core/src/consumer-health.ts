export interface ConsumerHealth {
  /** The broker will give it messages. */
  readonly attached: boolean
  readonly paused: boolean
  readonly unsettled: number
  /** Settlements that were dropped because their channel was gone, over all channels it had; the broker delivers those again. */
  readonly lateSettles: number
  /** Why it is not attached. */
  readonly reason: string | undefined
  /** Messages that wait at the broker, where that is known for free. */
  readonly waiting: number | undefined
  /** On a log: what it reads. */
  readonly partitions?: readonly PartitionHealth[]
  /** Kept when it runs again; missing where it never had to. */
  readonly restarted?: ConsumerRestart | undefined
}

/** A consumer that got nothing, or was taken away by the broker, while its connection stood, and that was attached anew. */
export interface ConsumerRestart {
  readonly times: number
  /** The last time, in ISO 8601. */
  readonly at: string
  /** Why, that time. */
  readonly reason: string
}

/** One partition that a consumer reads at this moment. */
export interface PartitionHealth {
  readonly address: string
  readonly partition: number
  /** Messages that no listener has seen, here and at the broker. */
  readonly waiting: number
  readonly unsettled: number
  /** When something of it was last fetched, ms since the epoch. */
  readonly progressAt: number | undefined
  /** Why nothing more of it is read, while the others go on: the app is not ready, and says so. */
  readonly reason?: string | undefined
}
