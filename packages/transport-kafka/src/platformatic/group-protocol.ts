import { assignerName, spreadEvenly, topicsOf } from '../assignment.js'
import { codeOf, verdictOf } from '../broker-error.js'
import type { Assignment, CommitMarks, MemberOptions } from '../driver.js'
import { pause } from '../pause.js'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './assigner.js'
import type { Broker } from './broker.js'
import type { PlatformaticCluster } from './cluster.js'
import { commitAt } from './log.js'
import { BrokerAnswer } from './told.js'

const protocolType = 'consumer'
/** So long the others have to join again. */
const rebalanceMs = 60_000
const mostTries = 10
const pauseMs = 100

type Marks = Parameters<CommitMarks>[0]

interface GroupOptions extends MemberOptions {
  readonly sessionTimeoutMs: number
}

interface Joined {
  readonly generationId: number
  readonly leader: string
  readonly memberId: string | null | undefined
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer | null }[]
}

/** The coordinator is another one by now, or not ready. */
const moves: ReadonlySet<string> = new Set(['COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR'])

/** The requests by which a group is joined and kept, to its coordinator. */
export class GroupProtocol {
  readonly #cluster: PlatformaticCluster
  readonly #to: GroupOptions
  #broker: Broker | undefined
  #memberId = ''
  #generation = -1
  #led = 0
  #spreadOver: ReadonlyMap<string, readonly number[]> = new Map()

  constructor(cluster: PlatformaticCluster, to: GroupOptions) {
    this.#cluster = cluster
    this.#to = to
  }

  /** Known to the broker from then on, also where the group was never entered. */
  get memberId(): string | undefined {
    return this.#memberId === '' ? undefined : this.#memberId
  }

  /** How many it leads, itself among them; 0 where another one leads. */
  get led(): number {
    return this.#led
  }

  /** Whether a topic has got partitions since this member gave them out, which nobody reads until somebody joins anew. */
  async isOutgrown(): Promise<boolean> {
    if (this.#led === 0) return false
    for (const [topic, partitions] of this.#spreadOver) if ((await this.#cluster.relearn(topic)).length > partitions.length) return true

    return false
  }

  /** Whether the same membership may still be good. */
  mayPass(error: unknown): boolean {
    return moves.has(codeOf(error)) || (verdictOf(error) === 'unknown' && !(error instanceof BrokerAnswer))
  }

  /** Resolves with what this member is given. */
  async join(): Promise<Assignment> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#joinOnce()
      } catch (error) {
        if (tries >= mostTries || !this.#mayJoinAgain(error)) throw error
        if (moves.has(codeOf(error))) await pause(this.#cluster.to.runtime, pauseMs * tries)
      }
    }
  }

  async heartbeat(): Promise<void> {
    const broker = await this.#find()
    await this.#watched(broker.call(this.#cluster.to.library.heartbeatV4, [this.#to.groupId, this.#generation, this.#memberId, null]))
  }

  /** In the last generation that gave this member something. Over the connection that stands it is sent before this returns. */
  async commit(marks: Marks): Promise<void> {
    const of = { groupId: this.#to.groupId, generation: this.#generation, memberId: this.#memberId }
    const broker = this.#broker?.isOpen ? this.#broker : await this.#find()
    await this.#watched(commitAt(broker, this.#cluster, of, marks))
  }

  async #joinOnce(): Promise<Assignment> {
    const { groupId, topics, sessionTimeoutMs } = this.#to
    const { library } = this.#cluster.to
    const broker = await this.#find()
    const protocols = [{ name: assignerName, metadata: encodeSubscription(topics) }]
    const joined = await broker.call(library.joinGroupV9, [groupId, sessionTimeoutMs, rebalanceMs, this.#memberId, null, protocolType, protocols, ''], rebalanceMs)
    this.#memberId = joined.memberId ?? this.#memberId
    const led = joined.leader === this.#memberId ? joined.members.length : 0
    const assignments = led > 0 ? await this.#spread(joined) : []
    const { assignment } = await broker.call(library.syncGroupV5, [groupId, joined.generationId, this.#memberId, null, protocolType, assignerName, assignments], rebalanceMs)
    // A commit that waited behind this answer would count for partitions that somebody else has by now.
    this.#generation = joined.generationId
    this.#led = led

    return decodeAssignment(assignment)
  }

  async #spread({ members }: Joined): Promise<{ memberId: string; assignment: Buffer }[]> {
    const subscribers = members.map(({ memberId, metadata }) => ({ memberId, topics: decodeSubscription(metadata) }))
    const partitions = new Map<string, readonly number[]>()
    for (const topic of topicsOf(subscribers)) {
      partitions.set(topic, await this.#cluster.relearn(topic))
    }
    this.#spreadOver = partitions
    const spread = spreadEvenly(subscribers, (topic) => partitions.get(topic) ?? [])

    return members.map(({ memberId }) => ({ memberId, assignment: encodeAssignment(spread.get(memberId) ?? {}) }))
  }

  #mayJoinAgain(error: unknown): boolean {
    const code = codeOf(error)
    if (code === 'MEMBER_ID_REQUIRED' && error instanceof BrokerAnswer) {
      this.#memberId = (error.response as Joined | undefined)?.memberId ?? ''

      return true
    }
    if (code === 'UNKNOWN_MEMBER_ID') this.#memberId = ''
    if (moves.has(code)) this.#forget()

    return code === 'UNKNOWN_MEMBER_ID' || code === 'REBALANCE_IN_PROGRESS' || code === 'ILLEGAL_GENERATION' || moves.has(code)
  }

  /** One that does not coordinate the group any more is asked nothing more. */
  async #watched<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      if (moves.has(codeOf(error))) this.#forget()
      throw error
    }
  }

  #forget(): void {
    this.#broker = undefined
    this.#cluster.forgetCoordinator(this.#to.groupId)
  }

  async #find(): Promise<Broker> {
    this.#broker = await this.#cluster.coordinator(this.#to.groupId)

    return this.#broker
  }
}
