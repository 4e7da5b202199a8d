import { countOf } from '@waybill/core'
import { ByteReader } from './byte-reader.js'
import type { RecordBase } from './log-record.js'
import { LogRecord } from './log-record.js'

/** What stands before the records of a batch. */
export interface BatchHead extends RecordBase {
  readonly lastOffset: number
  readonly count: number
  readonly producerId: string
  readonly inTransaction: boolean
  readonly isControl: boolean
}

/**
 * A batch of records as the broker keeps it, read one by one when they are wanted. kafkajs takes it for one message, which
 * carries all that it looks at to drop what was aborted and what are marks of transactions: that never differs within a batch.
 */
export class LogBatch {
  readonly lastOffset: number
  /** What it holds in memory. */
  readonly bytes: number
  readonly offset: string
  readonly key: Buffer | null
  readonly isControlRecord: boolean
  readonly batchContext: Pick<BatchHead, 'producerId' | 'inTransaction'>
  readonly #base: BatchHead
  readonly #reader: ByteReader
  #left: number
  #next: number

  /** `records` are not compressed any more. */
  constructor(head: BatchHead, records: Buffer) {
    checkFrames(head, records)
    this.#base = head
    this.#reader = new ByteReader(records)
    this.#left = head.count
    this.#next = head.firstOffset
    this.lastOffset = head.lastOffset
    this.bytes = records.length
    this.offset = String(head.lastOffset)
    this.isControlRecord = head.isControl
    this.key = head.isControl ? firstKey(head, records) : null
    this.batchContext = head
  }

  /** Records that were not read yet. */
  get left(): number {
    return this.#left
  }

  /** No record before this offset is left. */
  get next(): number {
    return this.#next
  }

  /** What lies before is passed over: the broker gives whole batches, from wherever one asks. */
  skipTo(offset: number): void {
    this.#next = Math.max(this.#next, offset)
  }

  read(): LogRecord | undefined {
    while (this.#left > 0) {
      this.#left--
      const length = this.#reader.varint()
      const record = new LogRecord(this.#reader, this.#reader.at + length, this.#base)
      if (record.offset < this.#next) continue
      this.#next = record.offset + 1

      return record
    }

    return undefined
  }

  /** All that are left. */
  *[Symbol.iterator](): Generator<LogRecord> {
    for (let record = this.read(); record; record = this.read()) yield record
  }
}

function firstKey(head: BatchHead, records: Buffer): Buffer | null {
  const reader = new ByteReader(records)
  const length = reader.varint()

  return head.count > 0 ? new LogRecord(reader, reader.at + length, head).key : null
}

/** So that nothing is read beyond the batch, whatever was stored. */
function checkFrames({ count, firstOffset }: BatchHead, records: Buffer): void {
  const reader = new ByteReader(records)
  for (let left = count; left > 0; left--) {
    const length = reader.varint()
    if (length < 0 || reader.at + length > records.length)
      throw new Error(`The batch at offset ${firstOffset} was expected to hold ${countOf(count, 'record')} and ends before the last ${left}.`)
    reader.at += length
  }
}
