import type { Entry } from '../broker/message.js'

/** An entry as the journal knows it, in a list of all that are not done. */
export class Filed {
  older: Filed | undefined
  newer: Filed | undefined
  /** Its part of the bytes in the file. */
  share = 0
  /** Its count is to be written. */
  isCounted = false

  constructor(
    readonly id: number,
    readonly entry: Entry,
  ) {}
}

/** Everything that is not done, the oldest first. Kept as a linked list, because most of it leaves soon and from anywhere. */
export class Live {
  #first: Filed | undefined
  #last: Filed | undefined
  #nextId = 1
  #bytes = 0
  #reader: Filed | undefined
  #readerEnd = 0

  /** What of the file is about messages that are still there. */
  get bytes(): number {
    return this.#bytes
  }

  add(entry: Entry, id = this.#nextId): Filed {
    const filed = new Filed(id, entry)
    this.#nextId = Math.max(this.#nextId, id + 1)
    filed.older = this.#last
    if (this.#last) this.#last.newer = filed
    else this.#first = filed
    this.#last = filed
    entry.filed = filed

    return filed
  }

  weigh(filed: Filed, share: number): void {
    this.#bytes += share - filed.share
    filed.share = share
  }

  remove(filed: Filed): void {
    if (filed.entry.filed !== filed) return
    this.#bytes -= filed.share
    if (this.#reader === filed) this.#reader = filed.newer
    if (filed.older) filed.older.newer = filed.newer
    else this.#first = filed.newer
    if (filed.newer) filed.newer.older = filed.older
    else this.#last = filed.older
    filed.entry.filed = undefined
  }

  /** Begins to read what is there now. What comes later is not read. */
  rewind(): void {
    this.#reader = this.#first
    this.#readerEnd = this.#nextId
  }

  /** The next one that is still there. */
  read(): Filed | undefined {
    const filed = this.#reader
    if (filed === undefined || filed.id >= this.#readerEnd) return undefined
    this.#reader = filed.newer

    return filed
  }
}
