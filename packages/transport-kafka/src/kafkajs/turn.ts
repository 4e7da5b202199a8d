import type { Broker, Cluster, Kafka } from 'kafkajs'
import { AssignerProtocol } from 'kafkajs'
import { assignerName, assignerVersion as version } from '../assignment.js'
import { codeOf } from '../broker-error.js'
import type { GroupTurn, TurnState } from '../driver.js'
import { turnSessionMs } from '../driver.js'
import { openCluster } from './cluster.js'

const { MemberAssignment, MemberMetadata } = AssignerProtocol

/** So long the others have to join again. */
const rebalanceMs = 60_000
const mostTries = 10
/** Joining once more helps. */
const passing: ReadonlySet<string> = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'NOT_COORDINATOR_FOR_GROUP', 'GROUP_LOAD_IN_PROGRESS'])

/** What a broker of kafkajs can do and its types do not say. */
interface Coordinator extends Broker {
  joinGroup(
    request: object,
  ): Promise<{ readonly generationId: number; readonly leaderId: string; readonly memberId: string; readonly members: readonly { readonly memberId: string }[] }>
  syncGroup(request: object): Promise<unknown>
  heartbeat(request: object): Promise<unknown>
  leaveGroup(request: object): Promise<unknown>
}

/** By the requests of a group themselves: a consumer of kafkajs tells nobody who leads. */
export class KafkajsTurn implements GroupTurn {
  readonly #cluster: Cluster
  readonly #groupId: string
  #memberId = ''
  #generationId = -1

  constructor(kafka: Kafka, groupId: string) {
    this.#cluster = openCluster(kafka)
    this.#groupId = groupId
  }

  async join(): Promise<TurnState> {
    await this.#cluster.connect()
    for (let tries = 1; ; tries++) {
      try {
        return await this.#joinOnce()
      } catch (error) {
        if (tries >= mostTries || !passing.has(codeOf(error))) throw error
        if (codeOf(error) === 'UNKNOWN_MEMBER_ID') this.#memberId = ''
      }
    }
  }

  async beat(): Promise<void> {
    const coordinator = await this.#coordinator()
    await coordinator.heartbeat({ groupId: this.#groupId, groupGenerationId: this.#generationId, memberId: this.#memberId })
  }

  async leave(): Promise<void> {
    try {
      if (this.#memberId !== '') await (await this.#coordinator()).leaveGroup({ groupId: this.#groupId, memberId: this.#memberId })
    } catch {
      // The broker ends a membership that nobody keeps up.
    }
    await this.#cluster.disconnect().catch(() => undefined)
  }

  async #joinOnce(): Promise<TurnState> {
    const groupId = this.#groupId
    const coordinator = await this.#coordinator()
    const metadata = MemberMetadata.encode({ version, topics: [], userData: Buffer.alloc(0) })
    const joined = await coordinator.joinGroup({
      groupId,
      memberId: this.#memberId,
      sessionTimeout: turnSessionMs,
      rebalanceTimeout: rebalanceMs,
      groupProtocols: [{ name: assignerName, metadata }],
    })
    const { generationId, leaderId, memberId, members } = joined
    this.#memberId = memberId
    this.#generationId = generationId
    const isFirst = leaderId === memberId
    const memberAssignment = MemberAssignment.encode({ version, assignment: {}, userData: Buffer.alloc(0) })
    await coordinator.syncGroup({ groupId, generationId, memberId, groupAssignment: isFirst ? members.map((member) => ({ memberId: member.memberId, memberAssignment })) : [] })

    return { memberId, isFirst, members: isFirst ? members.length : 0 }
  }

  async #coordinator(): Promise<Coordinator> {
    return (await this.#cluster.findGroupCoordinator({ groupId: this.#groupId })) as Coordinator
  }
}
