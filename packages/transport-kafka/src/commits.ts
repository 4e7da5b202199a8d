import { sentenceOf } from './broker-error.js'
import type { CommitMarks, NewMark } from './driver.js'
import type { MembershipOptions } from './membership.js'
import type { AssignedPartition, Commit } from './offsets.js'

interface News {
  readonly partition: AssignedPartition
  readonly commit: Commit
}

/** Commits what is finished: by time, before a rebalance, and at the end. */
export class Commits {
  readonly #to: MembershipOptions
  readonly #partitions: () => Iterable<AssignedPartition>
  #send: CommitMarks | undefined
  #underWay: Promise<void> = Promise.resolve()
  #cancelTick: () => void = () => {}
  #isPaused = false
  #isRefused = false
  #isStopped = false

  constructor(to: MembershipOptions, partitions: () => Iterable<AssignedPartition>) {
    this.#to = to
    this.#partitions = partitions
  }

  /** The way to the broker, in the generation of this moment. */
  use(send: CommitMarks): void {
    this.#send = send
  }

  begin(): void {
    this.#cancelTick = this.#to.host.runtime.after(this.#to.options.commitIntervalMs, () => {
      this.#underWay = this.#isPaused ? Promise.resolve() : this.#commit()
      void this.#underWay.then(() => this.#isStopped || this.begin())
    })
  }

  /** Others come or go. The request for this commit leaves before the one that joins again, so it still counts. */
  pause(): void {
    void this.#commit()
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
  }

  /** No member any more: nothing can be committed. */
  lost(): void {
    this.#isPaused = false
    this.#send = undefined
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelTick()
    await this.#underWay
    await this.#commit()
  }

  /** All partitions in one request, in the generation of this moment: the broker refuses it once that is over. */
  async #commit(): Promise<void> {
    const news = [...this.#partitions()].flatMap((partition) => {
      const commit = partition.committable

      return commit ? [{ partition, commit }] : []
    })
    if (news.length === 0 || !this.#send) return
    try {
      await this.#send(marksOf(news))
      for (const { partition, commit } of news) partition.committed(commit)
      this.#isRefused = false
    } catch (error) {
      // Once: it is tried again and again until the broker is back.
      this.#to.host.log[this.#isRefused ? 'debug' : 'warn']('kafka: a commit was not taken; the next one tells the same', { group: this.#to.groupId, error: sentenceOf(error) })
      this.#isRefused = true
    }
  }
}

/** Up to where records were given to core before, as it stands beside a commit. */
export function givenOf(note: string): number {
  return note.startsWith('w1:') ? Number(note.slice(3)) || 0 : 0
}

function marksOf(news: readonly News[]): ReadonlyMap<string, readonly NewMark[]> {
  const topics = new Map<string, NewMark[]>()
  for (const { partition, commit } of news) {
    const marks = topics.get(partition.topic) ?? []
    marks.push({ partition: partition.partition, offset: commit.offset, note: `w1:${commit.given}` })
    topics.set(partition.topic, marks)
  }

  return topics
}
