import type { ByteReader } from './byte-reader.js'
import { readHeaders } from './headers.js'

/** One record as it lies in the answer to a fetch: nothing is copied, and headers are read when they are asked for. */
export class LogRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly #bytes: Buffer
  readonly #headersAt: number
  readonly #end: number

  /** `reader` stands behind the length of the record, and is moved behind the record. */
  constructor(reader: ByteReader, end: number, { firstOffset, firstTimestamp, appendedAt }: RecordBase) {
    reader.int8()
    const later = reader.varlong()
    this.timestamp = appendedAt ?? firstTimestamp + later
    this.offset = firstOffset + reader.varint()
    this.key = reader.part()
    this.value = reader.part()
    this.#bytes = reader.bytes
    this.#headersAt = reader.at
    this.#end = end
    reader.at = end
  }

  /** Everything that came; text where it is text, bytes where it is not, a list where a name came twice. */
  headers(): Record<string, unknown> {
    return readHeaders(this.#bytes, this.#headersAt, this.#end)
  }
}

/** What the records of a batch count from. */
export interface RecordBase {
  readonly firstOffset: number
  readonly firstTimestamp: number
  /** The time of all of them, where the broker sets it. */
  readonly appendedAt: number | undefined
}
