import type { PublishOutcome, Settled } from '@waybill/core'
import { Channel, type ChannelOptions } from './channel.js'
import type { Admission } from '../journal/admission.js'
import type { Journal } from '../journal/journal.js'
import type { Queue } from './queue.js'
import type { Task, Turn } from './turn.js'

/** One end of a connection: what the broker tells the one that connected. */
export interface Client {
  /** The app's name. */
  readonly app: string
  onLost(reason: string): void
  onBlocked(): void
  onUnblocked(): void
  /** What a callback threw. */
  onError(error: unknown): void
}

/** What became of a publish, or will have at the end of the turn. Undefined where the confirm is lost. */
export type Answer = PublishOutcome | Admission | undefined

interface Receipt {
  readonly settled: Settled
  /** By index. */
  readonly outcomes: readonly Answer[]
}

/** Publishes that a blocked broker has not read. */
interface Unread {
  readonly settled: Settled
  readonly count: number
  readonly read: () => void
}

/** One connection as the broker sees it: its channels, its exclusive queues, and the publishes that are not settled. */
export class Session implements Task {
  readonly #turn: Turn
  readonly #channels = new Set<Channel>()
  readonly #exclusive = new Set<Queue>()
  #receipts: Receipt[] = []
  /** Written, and not safe yet. */
  readonly #unsafe = new Set<readonly Receipt[]>()
  #unconfirmed: Receipt[] = []
  #unread: Unread[] = []
  #isOpen = true

  constructor(
    readonly client: Client,
    turn: Turn,
    readonly journal: Journal | undefined,
  ) {
    this.#turn = turn
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get exclusive(): ReadonlySet<Queue> {
    return this.#exclusive
  }

  own(queue: Queue): void {
    this.#exclusive.add(queue)
  }

  channel(options: ChannelOptions): Channel {
    const channel = new Channel(this.#turn, options)
    this.#channels.add(channel)

    return channel
  }

  release(channel: Channel): void {
    channel.close()
    this.#channels.delete(channel)
  }

  /** Tells the outcomes of a batch at the end of the turn. Those that are undefined follow when the connection ends, as `unknown`. */
  settleAtEnd(settled: Settled, outcomes: readonly Answer[]): void {
    this.#receipts.push({ settled, outcomes })
    this.#turn.atEnd(this)
  }

  /** Keeps a batch that was sent to a blocked broker: it is read when the block ends, and nobody knows about it when the connection does. */
  leaveUnread(unread: Unread): void {
    this.#unread.push(unread)
  }

  readUnread(): void {
    const unread = this.#unread
    this.#unread = []
    for (const { read } of unread) read()
  }

  /** The confirms of this turn. */
  run(): void {
    const receipts = this.#receipts
    this.#receipts = []
    if (this.journal === undefined) return this.#confirmAll(receipts)
    this.#unsafe.add(receipts)
    this.journal.whenSafe((failure) => {
      if (this.#unsafe.delete(receipts)) this.#confirmAll(receipts, failure)
    })
  }

  /** Resolves when everything that was sent is settled, as far as it will be. */
  async flush(): Promise<void> {
    if (this.journal === undefined) return
    this.journal.run()
    this.run()
    await this.journal.flush()
  }

  /** A parting in peace: what is known is told first. */
  close(): void {
    this.run()
    this.end('the connection was closed before the broker confirmed')
  }

  /** Unsettled deliveries return; what is not confirmed yet is `unknown`: the broker may have it. */
  end(reason: string): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    for (const channel of this.#channels) channel.close()
    this.#channels.clear()
    this.#abandon({ kind: 'unknown', reason })
  }

  #confirmAll(receipts: readonly Receipt[], failure?: string): void {
    for (const receipt of receipts) this.#confirm(receipt, failure)
  }

  #confirm({ settled, outcomes }: Receipt, failure: string | undefined): void {
    let isComplete = true
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomeOf(outcomes[i], failure)
      if (outcome === undefined) isComplete = false
      else this.#tell(settled, i, outcome)
    }
    if (!isComplete) this.#unconfirmed.push({ settled, outcomes })
  }

  #abandon(unknown: PublishOutcome): void {
    const [unconfirmed, receipts, unread] = [this.#unconfirmed, [...this.#unsafe].flat().concat(this.#receipts), this.#unread]
    this.#unsafe.clear()
    this.#unconfirmed = []
    this.#receipts = []
    this.#unread = []
    for (const { settled, outcomes } of unconfirmed) outcomes.forEach((outcome, i) => outcome === undefined && this.#tell(settled, i, unknown))
    for (const { settled, outcomes } of receipts) for (let i = 0; i < outcomes.length; i++) this.#tell(settled, i, unknown)
    for (const { settled, count } of unread) for (let i = 0; i < count; i++) this.#tell(settled, i, unknown)
  }

  #tell(settled: Settled, index: number, outcome: PublishOutcome): void {
    try {
      settled(index, outcome)
    } catch (error) {
      this.client.onError(error)
    }
  }
}

function outcomeOf(answer: Answer, failure: string | undefined): PublishOutcome | undefined {
  const outcome = answer !== undefined && 'entries' in answer ? answer.outcome : answer

  return failure !== undefined && outcome?.kind === 'confirmed' ? { kind: 'unknown', reason: failure } : outcome
}
