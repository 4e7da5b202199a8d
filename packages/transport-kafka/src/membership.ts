import type { ConnectionState, TransportHost } from '@waybill/core'
import { Backoff, BrokerRefused } from '@waybill/core'
import { codeOf, isAnswer, sentenceOf, verdictOf } from './broker-error.js'
import type { Connection } from './connection.js'
import type { Assignment, FetchedBatches, GroupMember, MemberEvents, MemberOptions } from './driver.js'
import type { LogReader } from './log-reader.js'
import type { ResolvedOptions } from './options.js'
import { pause } from './pause.js'

const goodbyeMs = 3_000

export interface MembershipEvents extends Omit<MemberEvents, 'joined' | 'crashed'> {
  /** The group has been joined, maybe anew. `isContinued`: nobody else can have had what is kept. */
  assigned(assignment: Assignment, isContinued: boolean): void
  /** No member any more; it comes back by itself. */
  lost(): void
}

export interface MembershipOptions extends MemberOptions {
  readonly connection: Connection
  readonly reader: LogReader
  readonly host: TransportHost
  readonly options: ResolvedOptions
  readonly tell: (state: ConnectionState) => void
  /** Makes what is missing on the broker. Never rejects. */
  readonly repair: () => Promise<void>
}

/** A member of one consumer group that joins, and joins again after whatever throws it out. */
export class Membership {
  readonly #to: MembershipOptions
  readonly #events: MembershipEvents
  readonly #backoff: Backoff
  readonly #joined: Promise<void>
  #settleJoined: { resolve: () => void; reject: (error: Error) => void } = { resolve: () => {}, reject: () => {} }
  #member: GroupMember | undefined
  #told: ConnectionState['kind'] | undefined
  #memberId: string | undefined
  /** Memberships that are lost, until the broker knows. */
  readonly #unended = new Set<string>()
  #reason: string | undefined = 'has not joined its group yet'
  #isStopped = false

  constructor(to: MembershipOptions, events: MembershipEvents) {
    this.#to = to
    this.#events = events
    this.#backoff = new Backoff(to.host.runtime)
    this.#joined = new Promise((resolve, reject) => {
      this.#settleJoined = { resolve, reject }
    })
  }

  /** Why it is no member at the moment. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** Resolves when the group is joined for the first time. */
  join(): Promise<void> {
    void this.#attach()

    return this.#joined
  }

  /** The cluster is back: no reason to wait out the pause. */
  hurry(): void {
    this.#backoff.hurry()
  }

  /** It is a member in name only. */
  restart(reason: string): void {
    if (this.#isStopped || this.#reason !== undefined) return
    this.#to.host.log.warn(`kafka: ${reason}, so the group is joined anew`, { group: this.#to.groupId })
    void this.#crashed(new Error(reason))
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#reason = 'stopped'
    this.#backoff.cancel()
    this.#settleJoined.reject(new BrokerRefused('TRANSPORT_CLOSED', `The group "${this.#to.groupId}" was left before it was joined. Start the app again.`))
    await Promise.race([this.#member?.leave(), pause(this.#to.host.runtime, goodbyeMs)])
    this.#tell('closed', undefined)
  }

  async #attach(): Promise<void> {
    while (!this.#isStopped) {
      this.#tell('connecting', undefined)
      try {
        await this.#endOld()
        if (this.#isStopped) return
        this.#member = this.#create()

        return await this.#member.join()
      } catch (error) {
        await this.#detach(error)
      }
    }
  }

  #create(): GroupMember {
    const { connection, groupId, topics } = this.#to
    const isCurrent = (): boolean => member === this.#member && !this.#isStopped
    const member: GroupMember = connection.client.member(
      { groupId, topics },
      {
        joined: (memberId, assignment) => void (isCurrent() && this.#assigned(memberId, assignment)),
        rebalancing: () => void (isCurrent() && this.#guard(() => this.#events.rebalancing())),
        crashed: (error) => void (isCurrent() && this.#crashed(error)),
        passed: (topic, partition, lastOffset) => void (isCurrent() && this.#events.passed(topic, partition, lastOffset)),
        outOfRange: (of) => void (isCurrent() && this.#guard(() => this.#events.outOfRange(of))),
        unreadable: (of, found) => void (isCurrent() && this.#guard(() => this.#events.unreadable(of, found))),
        fetched: (found) => this.#fetched(found),
        isHeld: (topic, partition) => this.#events.isHeld(topic, partition),
        hasRoom: (topic, partition) => this.#events.hasRoom(topic, partition),
        room: () => this.#events.room(),
      },
    )

    return member
  }

  #assigned(memberId: string, assignment: Assignment): void {
    const isContinued = memberId === this.#memberId
    this.#memberId = memberId
    this.#reason = undefined
    this.#backoff.reset()
    this.#guard(() => this.#events.assigned(assignment, isContinued))
    this.#tell('connected', undefined)
    this.#settleJoined.resolve()
  }

  async #crashed(error: unknown): Promise<void> {
    await this.#detach(error)
    await this.#attach()
  }

  async #detach(thrown: unknown): Promise<void> {
    const member = this.#member
    if (member?.memberId !== undefined) this.#unended.add(member.memberId)
    this.#member = undefined
    this.#memberId = undefined
    this.#guard(() => this.#events.lost())
    this.#to.connection.suspect()
    void member?.drop()
    const error = await this.#to.reader.whyLost(this.#to.groupId, thrown)
    if (verdictOf(error) === 'refused') this.#settleJoined.reject(this.#refusal(error))
    await this.#backoff.pause((ms) => {
      this.#reason = `${sentenceOf(error)}; next try in ${ms} ms`
      this.#tell('lost', this.#reason)
    })
    if (codeOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION' && !this.#isStopped) await this.#to.repair()
  }

  /**
   * A group waits for members that are gone before it gives a new one anything. A broker that is away is told when it is
   * back: it begins their sessions anew. Rejects where it is away still.
   */
  async #endOld(): Promise<void> {
    for (const memberId of this.#unended) {
      try {
        await this.#to.reader.leave(this.#to.groupId, memberId)
        this.#unended.delete(memberId)
      } catch (error) {
        if (!isAnswer(error)) throw error
        if (codeOf(error) === 'UNKNOWN_MEMBER_ID') this.#unended.delete(memberId)
        else this.#to.host.log.debug('kafka: an old membership was not ended yet', { group: this.#to.groupId, error: sentenceOf(error) })
      }
    }
  }

  /** What a driver does with an error of ours is its own affair, so none reaches it. */
  async #fetched(found: FetchedBatches): Promise<void> {
    try {
      await this.#events.fetched(found)
    } catch (error) {
      this.#to.host.log.error('kafka: a fetched batch could not be taken and is fetched again', { group: this.#to.groupId, error: sentenceOf(error) })
    }
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#to.host.log.error('kafka: an event of the group could not be handled', { group: this.#to.groupId, error: sentenceOf(error) })
    }
  }

  /** Each rebalance ends in an assignment, and changes nothing about the connection. */
  #tell(kind: ConnectionState['kind'], reason: string | undefined): void {
    if (kind === 'connected' && this.#told === kind) return
    this.#told = kind
    this.#to.tell({ purpose: `consuming ${this.#to.groupId}`, kind, reason })
  }

  #refusal(error: unknown): BrokerRefused {
    return new BrokerRefused(
      'GROUP_REFUSED',
      `The group "${this.#to.groupId}" was expected to read ${this.#to.topics.map((topic) => `"${topic}"`).join(' and ')} and was refused: ${sentenceOf(error)}. ${this.#remedy(error)}`,
      { cause: error },
    )
  }

  #remedy(error: unknown): string {
    if (codeOf(error) !== 'INVALID_SESSION_TIMEOUT') return 'Give the user the right to.'

    return `Its "sessionTimeout" is ${this.#to.options.sessionTimeoutMs} ms; state one that the broker allows, 6 s to 30 min unless it says otherwise.`
  }
}
