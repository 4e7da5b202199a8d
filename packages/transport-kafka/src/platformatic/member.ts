import { codeOf } from '../broker-error.js'
import type { Assignment, GroupMember, MemberEvents, MemberOptions } from '../driver.js'
import { pause } from '../pause.js'
import type { PlatformaticCluster } from './cluster.js'
import { Fetches, failurePauseMs, mayPass, mostFailures } from './fetches.js'
import { GroupProtocol } from './group-protocol.js'
import { leaveAt, marksOf, PlatformaticLog } from './log.js'

const goodbyeMs = 2_000
const leastBeatMs = 10
/** As often as kafkajs looks for partitions that are new. */
const lookMs = 300_000

interface PlatformaticMemberOptions extends MemberOptions {
  readonly sessionTimeoutMs: number
}

/** A member by the requests of a group themselves: it knows at each moment in which generation it is, and who leads. */
export class PlatformaticMember implements GroupMember {
  readonly #to: PlatformaticMemberOptions
  readonly #events: MemberEvents
  readonly #cluster: PlatformaticCluster
  readonly #log: PlatformaticLog
  readonly #protocol: GroupProtocol
  #fetches: Fetches | undefined
  #cancelBeat: () => void = () => {}
  #cancelLook: () => void = () => {}
  #heardAt = 0
  /** Counts the times that the group was entered: what was asked in one of them is of no use in the next. */
  #round = 0
  #isOver = false

  constructor(cluster: PlatformaticCluster, to: PlatformaticMemberOptions, events: MemberEvents) {
    this.#cluster = cluster
    this.#to = to
    this.#events = events
    this.#log = new PlatformaticLog(cluster)
    this.#protocol = new GroupProtocol(cluster, to)
  }

  get memberId(): string | undefined {
    return this.#protocol.memberId
  }

  async join(): Promise<void> {
    for (const topic of this.#to.topics) await this.#cluster.learn(topic)
    await this.#enter()
  }

  /** A join that waits for others keeps the connection busy, so this goes over one of its own. */
  async leave(): Promise<void> {
    this.#end()
    const { memberId } = this.#protocol
    if (memberId !== undefined) await Promise.race([this.#goodbye(memberId), pause(this.#cluster.to.runtime, goodbyeMs)])
    this.#cluster.close()
  }

  async drop(): Promise<void> {
    this.#end()
    this.#cluster.close()
  }

  async #goodbye(memberId: string): Promise<void> {
    try {
      await leaveAt(await this.#cluster.coordinator(this.#to.groupId, 'leaving'), this.#cluster, this.#to.groupId, memberId)
    } catch {
      // The broker ends a membership that nobody keeps up.
    }
  }

  #end(): void {
    this.#isOver = true
    this.#cancelBeat()
    this.#cancelLook()
    this.#fetches?.end()
  }

  /** Joins, and begins to fetch what it is given. */
  async #enter(): Promise<void> {
    const assignment = await this.#protocol.join()
    if (this.#isOver) return
    this.#heardAt = this.#cluster.to.runtime.elapsed()
    this.#beat()
    this.#look()
    this.#events.joined(this.#protocol.memberId ?? '', assignment)
    await this.#fetch(assignment)
  }

  /**
   * A broker that has just made a topic, or leads it since a moment ago, does not know at once where its partitions begin. The membership is good
   * meanwhile: given up, all would go to the others until the group is joined anew.
   */
  async #fetch(assignment: Assignment): Promise<void> {
    const round = this.#round
    const isCurrent = (): boolean => !this.#isOver && round === this.#round
    for (let failures = 1; isCurrent(); failures++) {
      try {
        const fetches = await this.#open(assignment)
        if (isCurrent()) this.#begin(fetches)

        return
      } catch (error) {
        // The group may have changed while it was asked where it stands.
        if (!isCurrent()) return
        if (!mayPass(error) || failures > mostFailures) throw error
      }
      await pause(this.#cluster.to.runtime, failurePauseMs * failures)
      for (const topic of Object.keys(assignment)) this.#cluster.forget(topic)
    }
  }

  async #open(assignment: Assignment): Promise<Fetches> {
    const stands = new Map<string, number>()
    for (const { topic, partition, offset } of await marksOf(this.#cluster, this.#to.groupId, assignment)) {
      if (offset !== undefined) stands.set(`${topic}/${partition}`, offset)
    }
    for (const topic of Object.keys(assignment)) await this.#cluster.learn(topic)
    const fetches = await Fetches.from(
      {
        cluster: this.#cluster,
        log: this.#log,
        events: this.#events,
        commit: (marks) => this.#protocol.commit(marks),
        failed: (error) => void (fetches === this.#fetches && this.#fail(error)),
      },
      assignment,
      stands,
    )

    return fetches
  }

  #begin(fetches: Fetches): void {
    this.#fetches = fetches
    fetches.begin()
  }

  #beat(): void {
    this.#cancelBeat()
    if (this.#isOver) return
    this.#cancelBeat = this.#cluster.to.runtime.after(Math.max(leastBeatMs, Math.floor(this.#to.sessionTimeoutMs / 30)), () => void this.#beatOnce())
  }

  /** Never rejects. */
  async #beatOnce(): Promise<void> {
    const round = this.#round
    const at = this.#cluster.to.runtime.elapsed()
    try {
      await this.#protocol.heartbeat()
      if (round !== this.#round) return
      this.#heardAt = at
      this.#beat()
    } catch (error) {
      if (this.#isOver || round !== this.#round) return
      if (codeOf(error) === 'REBALANCE_IN_PROGRESS') return await this.#rejoin()
      if (!this.#protocol.mayPass(error) || !this.#mayLast) return this.#fail(error)
      this.#beat()
    }
  }

  /** The broker ends a membership that it has not heard of for a session, and tells nobody. */
  get #mayLast(): boolean {
    return this.#cluster.to.runtime.elapsed() - this.#heardAt < this.#to.sessionTimeoutMs
  }

  #look(): void {
    this.#cancelLook()
    this.#cancelLook = this.#cluster.to.runtime.after(lookMs, () => void this.#lookOnce())
  }

  /** Never rejects. */
  async #lookOnce(): Promise<void> {
    const round = this.#round
    const isOutgrown = await this.#protocol.isOutgrown().catch(() => false)
    if (this.#isOver || round !== this.#round) return
    if (isOutgrown) return this.#rejoin()
    this.#look()
  }

  /** Never rejects. */
  async #rejoin(): Promise<void> {
    this.#cancelBeat()
    this.#round++
    this.#events.rebalancing()
    this.#fetches?.end()
    try {
      await this.#enter()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (this.#isOver) return
    this.#end()
    this.#events.crashed(error)
  }
}
