/** Up to this length a loop over the characters is quicker than a call into Node. */
const shortText = 64

/** Writes into memory of a size that is known beforehand, big end first, as Kafka reads it. */
export class ByteWriter {
  readonly bytes: Buffer
  #at = 0

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size)
  }

  get at(): number {
    return this.#at
  }

  int8(value: number): void {
    this.bytes[this.#at++] = value
  }

  int16(value: number): void {
    this.#at = this.bytes.writeInt16BE(value, this.#at)
  }

  int32(value: number): void {
    this.#at = this.bytes.writeInt32BE(value, this.#at)
  }

  /** Any whole number that JavaScript can count to. */
  int64(value: number): void {
    this.#at = this.bytes.writeBigInt64BE(BigInt(value), this.#at)
  }

  /** A length or a count; −1 where there is nothing. */
  varint(value: number): void {
    let rest = zigzag(value)
    for (; rest > 127; rest >>>= 7) this.bytes[this.#at++] = (rest & 127) | 128
    this.bytes[this.#at++] = rest
  }

  /** Bytes behind their number. */
  part(value: string | Uint8Array): void {
    if (typeof value === 'string') return this.#text(value)
    this.varint(value.length)
    this.bytes.set(value, this.#at)
    this.#at += value.length
  }

  /** A text whose length was written before, or stands elsewhere. */
  utf8(text: string): void {
    this.#at += this.bytes.write(text, this.#at, 'utf8')
  }

  #text(text: string): void {
    if (text.length < shortText && this.#ascii(text)) return
    this.varint(Buffer.byteLength(text))
    this.utf8(text)
  }

  /** False, and nothing is written, where a character takes more than a byte. */
  #ascii(text: string): boolean {
    const { bytes } = this
    let at = this.#at
    bytes[at++] = text.length << 1
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      if (code > 127) return false
      bytes[at++] = code
    }
    this.#at = at

    return true
  }
}

/** What {@link ByteWriter.varint} takes. */
export function sizeOfVarint(value: number): number {
  let size = 1
  for (let rest = zigzag(value) >>> 7; rest > 0; rest >>>= 7) size++

  return size
}

/** What {@link ByteWriter.part} takes. */
export function sizeOfPart(value: string | Uint8Array): number {
  const length = typeof value === 'string' ? sizeOfText(value) : value.length

  return sizeOfVarint(length) + length
}

function sizeOfText(text: string): number {
  if (text.length >= shortText) return Buffer.byteLength(text)
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 127) return Buffer.byteLength(text)

  return text.length
}

function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0
}
