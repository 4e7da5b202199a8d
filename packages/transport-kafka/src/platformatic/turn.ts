import type { GroupTurn, TurnState } from '../driver.js'
import { turnSessionMs } from '../driver.js'
import type { PlatformaticCluster } from './cluster.js'
import { GroupProtocol } from './group-protocol.js'
import { leaveAt } from './log.js'

export class PlatformaticTurn implements GroupTurn {
  readonly #cluster: PlatformaticCluster
  readonly #group: string
  readonly #protocol: GroupProtocol

  constructor(cluster: PlatformaticCluster, group: string) {
    this.#cluster = cluster
    this.#group = group
    this.#protocol = new GroupProtocol(cluster, { groupId: group, topics: [], sessionTimeoutMs: turnSessionMs })
  }

  async join(): Promise<TurnState> {
    await this.#protocol.join()
    const { led, memberId = '' } = this.#protocol

    return { memberId, isFirst: led > 0, members: led }
  }

  beat(): Promise<void> {
    return this.#protocol.heartbeat()
  }

  async leave(): Promise<void> {
    const { memberId } = this.#protocol
    try {
      if (memberId !== undefined) await leaveAt(await this.#cluster.coordinator(this.#group, 'leaving'), this.#cluster, this.#group, memberId)
    } catch {
      // The broker ends a membership that nobody keeps up.
    }
    this.#cluster.close()
  }
}
