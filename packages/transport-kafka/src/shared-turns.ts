import type { Logger, Runtime } from '@waybill/core'
import { BrokerRefused, Turns } from '@waybill/core'
import { codeOf, sentenceOf } from './broker-error.js'
import type { KafkaClient } from './driver.js'
import type { LogReader } from './log-reader.js'
import { SharedTurn } from './shared-turn.js'

export interface SharedTurnsOptions {
  readonly client: Pick<KafkaClient, 'turn'>
  readonly reader: LogReader
  readonly runtime: Runtime
  readonly log: Logger
}

/** Work that one process at a time does, and in a process one after another. A turn is known by the group whose first member has it. */
export class SharedTurns {
  readonly #to: SharedTurnsOptions
  readonly #own = new Turns()
  readonly #standing = new Map<string, SharedTurn>()

  constructor(to: SharedTurnsOptions) {
    this.#to = to
  }

  /** `checkTurn` throws where somebody else may have it by now. Who may not join that group works without waiting, and the log says so. */
  take<T>(group: string, work: (checkTurn: () => void) => Promise<T>): Promise<T> {
    return this.#own.take(group, async () => {
      const turn = this.#turnOf(group)
      const refusal = await this.#begun(group, turn)
      if (refusal !== undefined) {
        this.#to.log.warn(`kafka: no other process is kept away meanwhile, for this user may not join a group: ${sentenceOf(refusal)}`, { group })

        return work(() => undefined)
      }
      try {
        return await work(() => {
          if (!turn.isSure) throw turnError(group, new Error('It was lost with the connection, or another process has it by now.'))
        })
      } finally {
        await turn.end()
      }
    })
  }

  async close(): Promise<void> {
    await Promise.all([...this.#standing.values()].map((turn) => turn.leave()))
  }

  async #begun(group: string, turn: SharedTurn): Promise<unknown> {
    try {
      await turn.begin()
    } catch (error) {
      const why = await this.#to.reader.whyLost(group, error)
      if (codeOf(why) !== 'GROUP_AUTHORIZATION_FAILED') throw turnError(group, why)

      return why
    }

    return undefined
  }

  #turnOf(group: string): SharedTurn {
    const known = this.#standing.get(group)
    if (known) return known
    const turn = new SharedTurn(this.#to.client.turn(group), this.#to.runtime, () => void this.#standing.delete(group))
    this.#standing.set(group, turn)

    return turn
  }
}

function turnError(group: string, error: unknown): BrokerRefused {
  return new BrokerRefused('TURN_LOST', `It was expected to be this process's turn by the group "${group}", and it is not: ${sentenceOf(error)} Try again.`, { cause: error })
}
