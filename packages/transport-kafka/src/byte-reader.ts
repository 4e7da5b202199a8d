/** Reads what {@link ByteWriter} writes. Reading past the end yields zeros and empty parts: whoever frames the bytes has checked them. */
export class ByteReader {
  readonly bytes: Buffer
  at: number

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  int8(): number {
    return ((this.bytes[this.at++] ?? 0) << 24) >> 24
  }

  int16(): number {
    this.at += 2

    return this.bytes.readInt16BE(this.at - 2)
  }

  int32(): number {
    this.at += 4

    return this.bytes.readInt32BE(this.at - 4)
  }

  /** Exact as far as JavaScript counts. */
  int64(): number {
    const high = this.int32()

    return high * 2 ** 32 + (this.int32() >>> 0)
  }

  /** A length, a count or a small difference. */
  varint(): number {
    const first = this.bytes[this.at++] ?? 0
    let sum = first & 127
    let byte = first
    for (let shift = 7; byte > 127 && shift < 35; shift += 7) {
      byte = this.bytes[this.at++] ?? 0
      sum |= (byte & 127) << shift
    }

    return (sum >>> 1) ^ -(sum & 1)
  }

  /** A difference of times: of up to 64 bits. */
  varlong(): number {
    let sum = 0
    let byte = 128
    for (let factor = 1; byte > 127 && factor < 2 ** 70; factor *= 128) {
      byte = this.bytes[this.at++] ?? 0
      sum += (byte & 127) * factor
    }

    return sum % 2 === 0 ? sum / 2 : -(sum + 1) / 2
  }

  /** Bytes behind their number; null where there are none. */
  part(): Buffer | null {
    const length = this.varint()

    return length < 0 ? null : this.take(length)
  }

  take(length: number): Buffer {
    this.at += length

    return this.bytes.subarray(this.at - length, this.at)
  }

  /** A text behind its length. */
  text(): string {
    const length = Math.max(0, this.int16())
    this.at += length

    return this.bytes.toString('utf8', this.at - length, this.at)
  }
}
