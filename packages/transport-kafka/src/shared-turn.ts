import type { Runtime } from '@waybill/core'
import { codeOf } from './broker-error.js'
import type { GroupTurn } from './driver.js'
import { turnSessionMs } from './driver.js'
import { pause } from './pause.js'

const beatMs = 300
/** For so long after a beat the broker has given the turn to nobody else. */
const sureMs = turnSessionMs / 2
/** So long it is kept after its last use: who joins an empty group waits for some seconds. */
const keptMs = 5_000
const patienceMs = 60_000

/**
 * This process's turn at what one process at a time does. The broker knows whose it is: that of the first member of a group. It is kept until
 * another one comes, and then given up, at the end of what is being done.
 */
export class SharedTurn {
  readonly #member: GroupTurn
  readonly #runtime: Runtime
  readonly #over: () => void
  #settle: { resolve: () => void; reject: (error: unknown) => void } | undefined
  #memberId: string | undefined
  #isFirst = false
  #isJoining = false
  #isBusy = true
  #isOver = false
  #members = 0
  #seenAt = 0
  #usedAt = 0

  /** `over`: it is of no use any more, and the next one that wants it makes another. */
  constructor(member: GroupTurn, runtime: Runtime, over: () => void) {
    this.#member = member
    this.#runtime = runtime
    this.#over = over
    void this.#stand()
  }

  /** Nobody else has it: the broker waits for a member that joins anew. */
  get isSure(): boolean {
    return this.#isFirst && !this.#isOver && (this.#isJoining || this.#runtime.elapsed() - this.#seenAt < sureMs)
  }

  /** Resolves when it has come. */
  async begin(): Promise<void> {
    this.#isBusy = true
    if (this.isSure) return
    const cancel = this.#runtime.after(patienceMs, () => void this.leave(new Error(`It has not come for ${patienceMs / 1_000} s.`)))
    try {
      await new Promise<void>((resolve, reject) => {
        this.#settle = { resolve, reject }
      })
    } finally {
      cancel()
    }
  }

  /** Resolves when the next one may have it. */
  async end(): Promise<void> {
    this.#isBusy = false
    this.#usedAt = this.#runtime.elapsed()
    if (this.#members > 1 || !this.isSure) await this.leave()
  }

  async leave(reason: unknown = new Error('It was given up before it came.')): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    this.#over()
    this.#settle?.reject(reason)
    await this.#member.leave()
  }

  /** Joins, and says again and again that it is there. Never rejects. */
  async #stand(): Promise<void> {
    try {
      await this.#join()
      while (!this.#isOver) {
        await pause(this.#runtime, beatMs)
        if (!this.#isBusy && this.#runtime.elapsed() - this.#usedAt > keptMs) await this.leave()
        if (!this.#isOver) await this.#beat()
      }
    } catch (error) {
      await this.leave(error)
    }
  }

  async #beat(): Promise<void> {
    const at = this.#runtime.elapsed()
    try {
      await this.#member.beat()
      this.#seenAt = at
    } catch (error) {
      if (codeOf(error) !== 'REBALANCE_IN_PROGRESS') throw error
      await (this.#isBusy ? this.#join() : this.leave())
    }
  }

  async #join(): Promise<void> {
    this.#isJoining = true
    const { isFirst, memberId, members } = await this.#member.join()
    this.#isJoining = false
    if (this.#isFirst && (!isFirst || memberId !== this.#memberId)) throw new Error('Somebody else has had it meanwhile.')
    this.#memberId = memberId
    this.#isFirst = isFirst
    this.#members = members
    this.#seenAt = this.#runtime.elapsed()
    if (isFirst) this.#settle?.resolve()
  }
}
