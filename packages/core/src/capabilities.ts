/** What this broker, at this version, can do. Core refuses at `start` what an app asks for and the broker cannot. */
export interface Capabilities {
  /** For people: `RabbitMQ 3.10.8`. */
  readonly broker: string
  /** A queue hands each message to one consumer and forgets it; on a log every type of a channel passes by and stays. */
  readonly kind: 'queue' | 'log'
  /**
   * Under which prefix the envelope stands in the headers; never empty. An adapter gives it to `writeEnvelope` for each message that it sends and to
   * `readEnvelope` for each that it receives, so that the names on the wire are those of every transport. Core keeps headers under it from users, and
   * refuses theirs. What travels elsewhere too (a key of the record, a property of AMQP) is the adapter's.
   */
  readonly envelopePrefix: string
  /** The adapter can tell that nobody would get a message. */
  readonly unroutable: boolean
  /** Messages of one key arrive in order. */
  readonly keyOrder: boolean
  /** The broker keeps any message back for `delayMs`. */
  readonly delay: boolean
  /** The broker keeps a message back that goes to one group alone: a retry. Where it cannot, long waits stay in the process. */
  readonly groupDelay: boolean
  readonly expiry: boolean
  /** `stated`: on channels whose `queue.arguments` say `x-max-priority`. */
  readonly priority: boolean | 'stated'
  /** The broker counts how often it delivered a message. */
  readonly deliveryCount: boolean
  /** Starts are counted where they outlive the process: {@link Starts}. */
  readonly starts: boolean
  /**
   * A group can start anew at an earlier message. For people, and no method of the port: where it is true the adapter offers that by itself, as
   * `KafkaLog` does by `seek` and `replay`, and nothing in core asks for it.
   */
  readonly replay: boolean
  /** Other apps may be on this broker. Where nobody else can be, core refuses a query that no listener of the app takes. */
  readonly isShared: boolean
  /** Queries can be answered. */
  readonly replies: boolean
  /** The largest body that the broker takes, where it has a limit of its own. */
  readonly maxBodyBytes: number | undefined
}
