import type { DeadLetterAccess, GroupAddress, Logger, RawDelivery } from '@waybill/core'
import { sentenceOf } from './broker-error.js'
import { DeadMark } from './dead-mark.js'
import type { Settler } from './delivery.js'
import { KafkaDelivery, placeOf } from './delivery.js'
import type { ClusterAdmin } from './driver.js'
import { LatestWrite } from './latest-write.js'
import type { LogReader } from './log-reader.js'
import type { SharedTurns } from './shared-turns.js'
import type { KafkaNames } from './topology.js'

type Decide = Parameters<DeadLetterAccess['take']>[2]

/** A dead letter is settled by what `take` is told, not by itself. */
const nobody: Settler = { isLost: false, settled: () => {} }

export interface KafkaDeadLettersOptions {
  readonly reader: LogReader
  readonly admin: ClusterAdmin
  readonly names: KafkaNames
  readonly turns: SharedTurns
  readonly log: Logger
}

/**
 * Dead letters of a group: a topic of one partition, kept for ever. What is handled is marked by the offset that the
 * consumer group of the same name has committed, with single handled ones beyond it noted beside, and deleted up to there.
 * A log holds nothing back from others who read, so one process at a time takes.
 */
export class KafkaDeadLetters implements DeadLetterAccess {
  readonly #reader: LogReader
  readonly #admin: ClusterAdmin
  readonly #names: KafkaNames
  readonly #turns: SharedTurns
  readonly #log: Logger

  constructor({ reader, admin, names, turns, log }: KafkaDeadLettersOptions) {
    this.#reader = reader
    this.#admin = admin
    this.#names = names
    this.#turns = turns
    this.#log = log
  }

  async list(of: GroupAddress, limit: number): Promise<readonly RawDelivery[]> {
    const topic = this.#names.dead(of)
    const letters: RawDelivery[] = []
    for await (const letter of this.#letters(topic, await this.#mark(topic))) {
      if (letters.length >= limit) break
      letters.push(letter)
    }

    return letters
  }

  async take(of: GroupAddress, limit: number, decide: Decide): Promise<number> {
    const topic = this.#names.dead(of)
    await this.#reader.partitions(topic)

    return this.#turns.take(`${topic}.look`, (checkTurn) =>
      this.#take(topic, limit, (letter) => {
        checkTurn()

        return decide(letter)
      }),
    )
  }

  async #take(topic: string, limit: number, decide: Decide): Promise<number> {
    const mark = await this.#mark(topic)
    const writing = new LatestWrite(() => this.#write(topic, mark))
    let shown = 0
    let removed = 0
    try {
      for await (const letter of this.#letters(topic, mark)) {
        if (shown++ >= limit || !this.#hasRoom(topic, mark)) break
        const decision = await decide(letter)
        if (decision === 'stop') break
        if (decision === 'keep') continue
        removed++
        mark.add(letter.offset)
        writing.ask()
      }
    } finally {
      await writing.done()
      if (removed > 0) await this.#remove(topic, mark)
    }

    return removed
  }

  async *#letters(topic: string, mark: DeadMark): AsyncGenerator<KafkaDelivery> {
    const place = placeOf(topic, 0)
    for (let next = Math.max(mark.from, await this.#reader.begin(topic)); ; ) {
      const records = await this.#reader.read({ topic, partition: 0 }, next)
      const last = records.at(-1)
      if (!last) return
      for (const record of records) {
        if (!mark.has(record.offset)) yield new KafkaDelivery(record, place, nobody)
      }
      next = last.offset + 1
    }
  }

  async #mark(topic: string): Promise<DeadMark> {
    const { offset, note } = await this.#reader.mark(topic, topic)

    return new DeadMark(offset ?? (await this.#reader.begin(topic)), note)
  }

  #hasRoom(topic: string, mark: DeadMark): boolean {
    if (!mark.isFull) return true
    this.#log.warn('kafka: too many single dead letters were removed from among kept ones; handle the oldest ones first', { topic })

    return false
  }

  /** Somebody else may have removed others meanwhile: both count. */
  async #write(topic: string, mark: DeadMark): Promise<void> {
    mark.merge(await this.#mark(topic))
    await this.#reader.setMark(topic, topic, { offset: mark.from, note: mark.note })
  }

  async #remove(topic: string, mark: DeadMark): Promise<void> {
    try {
      await this.#admin.deleteRecords(topic, mark.from)
    } catch (error) {
      // The mark says the same, so nothing comes back; it only takes room until the right to delete is given.
      this.#log.debug('kafka: handled dead letters could not be deleted and stay behind the mark', { topic, error: sentenceOf(error) })
    }
  }
}
