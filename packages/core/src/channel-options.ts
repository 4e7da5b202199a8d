/**
 * What the app says about one channel, so that the code of a service never names a broker.
 * An option that the channel's transport cannot honour is refused at `start`.
 */
export interface ChannelOptions {
  /** Which of several transports it lives on: a name among the app's `transports`. Default: the first. */
  readonly transport?: string
  /** Over how many ordered queues or log partitions keys are spread. Default: 1. */
  readonly partitions?: number
  /** Queues only. */
  readonly queue?: QueueOptions
  /** Brokers with exchanges only. */
  readonly exchange?: ExchangeOptions
  /** Logs only. */
  readonly log?: LogOptions
  /** What exists already and belongs to somebody else: it is used as it is and never declared. */
  readonly existing?: { readonly exchange?: string; readonly queue?: string; readonly topic?: string }
  /** Where a message goes that the broker does not take. Needs the outbox. */
  readonly fallback?: 'outbox'
}

export interface QueueOptions {
  /** Default: `quorum`. */
  readonly type?: 'quorum' | 'classic'
  /** Passed to the broker as they are: `{ 'x-max-length': 1000 }`. */
  readonly arguments?: Readonly<Record<string, string | number | boolean>>
}

export interface ExchangeOptions {
  /**
   * `topic` lets other systems bind patterns, and shows raw listeners whatever is published to it. `direct` costs the broker less; what others publish
   * to it reaches raw listeners only if they copy it to the key `#`. Default: `direct`; `topic` for an existing exchange.
   */
  readonly type?: 'direct' | 'topic'
}

export interface LogOptions {
  readonly replication?: number
  /** Passed to the broker as they are: `{ 'retention.ms': '604800000' }`. */
  readonly settings?: Readonly<Record<string, string>>
}
