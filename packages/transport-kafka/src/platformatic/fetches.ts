import { codeOf, verdictOf } from '../broker-error.js'
import { codecsOf } from '../compression.js'
import type { Assignment, CommitMarks, MemberEvents, TopicPartition } from '../driver.js'
import { fetchWaitMs, heldWaitMs } from '../driver.js'
import type { Codecs, FetchAnswer, FetchedPartition } from '../fetch-answer.js'
import { decodeFetch } from '../fetch-answer.js'
import { pause } from '../pause.js'
import { visible } from './aborted.js'
import type { PlatformaticCluster } from './cluster.js'
import { encodeFetch, fetchKey, fetchVersion } from './fetch-request.js'
import type { PlatformaticLog } from './log.js'

const partitionBytes = 1024 * 1024
const maxBytes = 10 * 1024 * 1024
/** So often in a row the brokers may fail before the group is joined anew. */
export const mostFailures = 5
/** So long, and longer each time, is waited behind a failure. */
export const failurePauseMs = 100

/** So long it is waited before it is asked again who leads a partition. */
const leaderlessMs = 1_000
/** Leads what nobody leads. */
const nobody = -1

interface FetchesOptions {
  readonly cluster: PlatformaticCluster
  readonly log: PlatformaticLog
  readonly events: MemberEvents
  readonly commit: CommitMarks
  readonly failed: (error: unknown) => void
}

interface Position extends TopicPartition {
  /** Undefined: the first that is kept, which only its leader knows. */
  offset: number | undefined
}

/** Fetches the partitions of one assignment, from each broker by itself: the next request is under way while what came is handled. */
export class Fetches {
  readonly #to: FetchesOptions
  readonly #positions: readonly Position[]
  /** By topic and partition: an answer names all that were asked for. */
  readonly #byName: ReadonlyMap<string, Position>
  readonly #codecs: Codecs
  readonly #loops = new Map<number, Promise<void>>()
  #isEnded = false
  #failures = 0

  private constructor(to: FetchesOptions, positions: readonly Position[]) {
    this.#to = to
    this.#positions = positions
    this.#byName = new Map(positions.map((position) => [nameOf(position), position]))
    this.#codecs = codecsOf(to.cluster.to.options)
  }

  /** From where the group stands, or from the first record that is kept. */
  static async from(to: FetchesOptions, assignment: Assignment, marks: ReadonlyMap<string, number>): Promise<Fetches> {
    const positions: Position[] = []
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of partitions) positions.push({ topic, partition, offset: marks.get(nameOf({ topic, partition })) })
    }
    const fetches = new Fetches(to, positions)
    await fetches.#findFirst(positions.filter((position) => fetches.#leaderOf(position) !== nobody))

    return fetches
  }

  begin(): void {
    if (this.#isEnded) return
    for (const node of new Set(this.#positions.map((position) => this.#leaderOf(position)))) {
      if (this.#loops.has(node)) continue
      const loop = this.#loop(node).finally(() => {
        this.#loops.delete(node)
        // Partitions may have moved there while it ended.
        if (this.#positions.some((position) => this.#leaderOf(position) === node)) this.begin()
      })
      this.#loops.set(node, loop)
    }
  }

  /** What is still answered is not looked at. */
  end(): void {
    this.#isEnded = true
  }

  /** Never rejects. Ends when that broker leads none of the partitions any more. */
  async #loop(node: number): Promise<void> {
    while (!this.#isEnded) {
      const own = this.#positions.filter((position) => this.#leaderOf(position) === node)
      if (own.length === 0) return
      const open = own.filter(({ topic, partition }) => !this.#to.events.isHeld(topic, partition))
      const wanted = open.filter(({ topic, partition }) => this.#to.events.hasRoom(topic, partition))
      try {
        if (node === nobody) await this.#awaitLeaders(own)
        else if (wanted.length === 0) await this.#to.events.room()
        else await this.#fetch(node, wanted, wanted.length === open.length)
      } catch (error) {
        await this.#recover(error)
      }
    }
  }

  /** The others go on meanwhile. */
  async #awaitLeaders(own: readonly Position[]): Promise<void> {
    await pause(this.#to.cluster.to.runtime, leaderlessMs)
    if (this.#isEnded) return
    for (const topic of topicsOf(own)) await this.#to.log.refresh(topic)
    this.begin()
  }

  async #findFirst(of: readonly Position[]): Promise<void> {
    const fresh = of.filter(({ offset }) => offset === undefined)
    for (const topic of topicsOf(fresh)) {
      const own = fresh.filter((position) => position.topic === topic)
      const first = await this.#to.log.offsets(
        topic,
        own.map(({ partition }) => partition),
        'first',
      )
      for (const position of own) position.offset = first.get(position.partition) ?? 0
    }
  }

  async #fetch(node: number, positions: readonly Position[], isWhole: boolean): Promise<void> {
    const { cluster } = this.#to
    await this.#findFirst(positions)
    const places = positions.map(({ topic, partition, offset = 0 }) => ({ topic, partition, offset }))
    const broker = await cluster.node(node, 'fetch')
    if (this.#isEnded) return
    const waitMs = isWhole ? fetchWaitMs : heldWaitMs
    const answer = await broker.exchange(fetchKey, fetchVersion, encodeFetch({ waitMs, minBytes: 1, maxBytes, partitionBytes, places }), waitMs)
    const found = await decodeFetch(answer, fetchVersion, this.#codecs)
    if (found.errorCode !== 0) throw cluster.answer(found.errorCode)
    await this.#take(found)
    this.#failures = 0
  }

  async #take({ responses }: FetchAnswer): Promise<void> {
    for (const { topicName, partitions } of responses) {
      for (const found of partitions) {
        const position = this.#byName.get(nameOf({ topic: topicName, partition: found.partition }))
        if (this.#isEnded || !position) return
        if (found.errorCode !== 0) await this.#mend(position, this.#to.cluster.answer(found.errorCode))
        else if (found.messages.length > 0 || found.unreadable) await this.#give(position, found)
      }
    }
  }

  /** Where it is not taken it is fetched again. */
  async #give(position: Position, found: FetchedPartition): Promise<void> {
    const { topic, partition } = position
    if (found.unreadable) this.#to.events.unreadable({ topic, partition }, found.unreadable)
    if (found.messages.length === 0) return
    const { offset = 0 } = position
    const last = found.messages.at(-1)?.lastOffset ?? offset
    const batches = visible(found)
    for (const batch of batches) batch.skipTo(offset)
    const taken = (): void => {
      position.offset = last + 1
    }
    const around = { lastOffset: String(last), highWatermark: found.highWatermark }
    if (batches.length > 0) return this.#to.events.fetched({ topic, partition, batches, ...around, taken, commit: this.#to.commit })
    this.#to.events.passed(topic, partition, around.lastOffset)
    taken()
  }

  /** Retention may have taken what comes next: the first record that is left goes on. */
  async #mend(position: Position, error: { readonly type: string }): Promise<void> {
    if (error.type !== 'OFFSET_OUT_OF_RANGE') throw error
    const { topic, partition } = position
    this.#to.events.outOfRange({ topic, partition })
    position.offset = (await this.#to.log.offsets(topic, [partition], 'first')).get(partition) ?? 0
  }

  /** Another broker may lead by now. */
  async #recover(error: unknown): Promise<void> {
    if (this.#isEnded) return
    this.#failures++
    if (!mayPass(error) || this.#failures > mostFailures) return this.#fail(error)
    await pause(this.#to.cluster.to.runtime, failurePauseMs * this.#failures)
    if (this.#isEnded) return
    try {
      for (const topic of topicsOf(this.#positions)) await this.#to.log.refresh(topic)
      this.begin()
    } catch {
      // The next fetch finds out what is still wrong, and counts it.
    }
  }

  #fail(error: unknown): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#to.failed(error)
  }

  #leaderOf({ topic, partition }: TopicPartition): number {
    return this.#to.cluster.leaderId(topic, partition)
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

function topicsOf(positions: readonly Position[]): ReadonlySet<string> {
  return new Set(positions.map(({ topic }) => topic))
}

/** Whether another try may help. A topic that is not there has to be made first. */
export function mayPass(error: unknown): boolean {
  const verdict = verdictOf(error)

  return verdict === 'unknown' || (verdict === 'not-yet' && codeOf(error) !== 'UNKNOWN_TOPIC_OR_PARTITION')
}
