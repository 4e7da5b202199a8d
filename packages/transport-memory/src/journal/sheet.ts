import { crc32 } from 'node:zlib'

/** Before each record: a mark that only this file has, the length of what follows, and its checksum. */
export const headBytes = 12

/** Records that are to be written, one behind the other in one buffer: a turn leaves as one write. */
export class Sheet {
  readonly #marker: number
  #buffer = Buffer.allocUnsafe(largestIdle)
  #start = 0
  #end = 0

  constructor(marker: number) {
    this.#marker = marker
  }

  get size(): number {
    return this.#end
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#end)
  }

  begin(kind: number): void {
    this.#makeRoom(headBytes + 1)
    this.#start = this.#end
    this.#end += headBytes
    this.#buffer[this.#end++] = kind
  }

  text(text: string): void {
    this.#makeRoom(4 + text.length * 3)
    const length = this.#buffer.write(text, this.#end + 4)
    this.#buffer.writeUInt32LE(length, this.#end)
    this.#end += 4 + length
  }

  number(value: number): void {
    this.#makeRoom(8)
    this.#end = this.#buffer.writeDoubleLE(value, this.#end)
  }

  raw(bytes: Uint8Array): void {
    this.#makeRoom(bytes.byteLength)
    this.#buffer.set(bytes, this.#end)
    this.#end += bytes.byteLength
  }

  /** Ends the record; returns how many bytes it takes in the file. */
  finish(): number {
    const payload = this.#buffer.subarray(this.#start + headBytes, this.#end)
    this.#buffer.writeUInt32LE(this.#marker, this.#start)
    this.#buffer.writeUInt32LE(payload.length, this.#start + 4)
    this.#buffer.writeUInt32LE(crc32(payload), this.#start + 8)

    return this.#end - this.#start
  }

  clear(): void {
    this.#end = 0
    if (this.#buffer.length > largestIdle) this.#buffer = Buffer.allocUnsafe(largestIdle)
  }

  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#end + bytes))
    this.#buffer.copy(larger, 0, 0, this.#end)
    this.#buffer = larger
  }
}

const largestIdle = 256 * 1024
