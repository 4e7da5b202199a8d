import { ByteReader } from './byte-reader.js'
import { TextMemo } from './text-memo.js'

const names = new TextMemo()
const values = new TextMemo()

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

  /** Everything that came, without a prototype; text where it is text, bytes where it is not, a list where a name came twice. */
  headers(): Record<string, unknown> {
    // Made with no prototype at once it would be a table, in which all that is written and read takes twice as long.
    const headers: Record<string, unknown> = {}
    Object.setPrototypeOf(headers, null)
    const reader = new ByteReader(this.#bytes, this.#headersAt)
    let lists: Set<string> | undefined
    for (let left = reader.varint(); left > 0 && reader.at < this.#end; left--) {
      const name = nameAt(reader)
      const value = valueAt(reader)
      if (!(name in headers)) headers[name] = value
      else if (lists?.has(name)) (headers[name] as unknown[]).push(value)
      else {
        lists = (lists ?? new Set()).add(name)
        headers[name] = [headers[name], value]
      }
    }

    return headers
  }
}

/** What the records of a batch count from. */
export interface RecordBase {
  readonly firstOffset: number
  readonly firstTimestamp: number
  /** The time of all of them, where the broker sets it. */
  readonly appendedAt: number | undefined
}

function nameAt(reader: ByteReader): string {
  const length = Math.max(0, reader.varint())
  const start = reader.at
  reader.at = start + length

  return names.read(reader.bytes, start, reader.at) ?? reader.bytes.toString('utf8', start, reader.at)
}

function valueAt(reader: ByteReader): unknown {
  const length = reader.varint()
  if (length < 0) return null
  const start = reader.at
  reader.at = start + length

  return values.read(reader.bytes, start, reader.at) ?? reader.bytes.subarray(start, reader.at)
}
