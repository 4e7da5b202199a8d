import type { EntryRecord, RecordReader, BrokerRecord } from './record.js'

/** What a journal says, once all of it was read: later records change earlier ones, and their order among each other means nothing else. */
export class Replay implements RecordReader {
  readonly brokerRecords: BrokerRecord[] = []
  readonly #entries = new Map<number, EntryRecord>()

  made(record: BrokerRecord): void {
    this.brokerRecords.push(record)
  }

  stored(entries: readonly EntryRecord[], replaced: number): void {
    this.#entries.delete(replaced)
    for (const entry of entries) this.#entries.set(entry.id, entry)
  }

  // An id that is not there was done before its file was begun.
  entered(id: number, sequence: number): void {
    const entry = this.#entries.get(id)
    if (entry) entry.sequence = sequence
  }

  counted(id: number, deliveries: number): void {
    const entry = this.#entries.get(id)
    if (entry) entry.deliveries = deliveries
  }

  done(id: number): void {
    this.#entries.delete(id)
  }

  /** In the order of their queues' places. */
  entries(): EntryRecord[] {
    return [...this.#entries.values()].sort((a, b) => a.sequence - b.sequence || a.id - b.id)
  }
}
