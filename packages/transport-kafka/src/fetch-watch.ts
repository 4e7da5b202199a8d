import { sentenceOf } from './broker-error.js'
import type { MembershipOptions } from './membership.js'
import type { AssignedPartition } from './offsets.js'

const mostPatience = 20

export interface Watched {
  /** Those that should be fetched at this moment. */
  partitions(): readonly AssignedPartition[]
  /** So much of it is here that it waits. */
  isHeld(partition: AssignedPartition): boolean
  /** One of them has records that are not fetched. */
  stalled(reason: string): void
}

/**
 * Asks the broker from time to time where partitions end, which is what health tells of them. One whose end is ahead and
 * that stands where it stood at the last look is not fetched, whatever the client believes.
 */
export class FetchWatch {
  readonly #to: MembershipOptions
  readonly #watched: Watched
  readonly #stood = new Map<AssignedPartition, number>()
  #cancel: () => void = () => {}
  #isStopped = false
  #patience = 1

  constructor(to: MembershipOptions, watched: Watched) {
    this.#to = to
    this.#watched = watched
  }

  begin(): void {
    if (this.#isStopped) return
    this.#cancel = this.#to.host.runtime.after((this.#to.options.stallTimeoutMs / 2) * this.#patience, () => void this.#look().then(() => this.begin()))
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const partitions = this.#watched.partitions()
    try {
      const ends = await this.#to.reader.ends(partitions)
      const still = new Set(this.#watched.partitions())
      for (const [partition, end] of ends) if (still.has(partition)) partition.ends(end)
      this.#judge(partitions.filter((partition) => still.has(partition)))
    } catch (error) {
      this.#stood.clear()
      this.#to.host.log.debug('kafka: where the partitions end could not be read', { group: this.#to.groupId, error: sentenceOf(error) })
    }
  }

  #judge(partitions: readonly AssignedPartition[]): void {
    const behind = partitions.filter((partition) => !this.#watched.isHeld(partition) && partition.unfetched > 0)
    const stuck = behind.find((partition) => this.#stood.get(partition) === partition.position)
    if (behind.length < partitions.length || !stuck) this.#moved(partitions)
    this.#stood.clear()
    for (const partition of behind) this.#stood.set(partition, partition.position)
    if (!stuck || this.#isStopped) return
    // Where a restart does not help either, the next one waits longer.
    this.#patience = Math.min(mostPatience, this.#patience * 2)
    this.#stood.clear()
    this.#watched.stalled(`partition ${stuck.partition} of "${stuck.topic}" has records that are not fetched: ${stuck.unfetched}`)
  }

  #moved(partitions: readonly AssignedPartition[]): void {
    if (partitions.length > 0) this.#patience = 1
  }
}
