import { closeSync, fdatasync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'

const magic = 'WAYBILL\n'
const version = 1

/** Magic, version, the mark of each record, and a checksum of these. */
export const fileHeadBytes = 20

export function fileHead(marker: number): Buffer {
  const head = Buffer.alloc(fileHeadBytes)
  head.write(magic, 'latin1')
  head.writeUInt32LE(version, 8)
  head.writeUInt32LE(marker, 12)
  head.writeUInt32LE(crc32(head.subarray(0, 16)), 16)

  return head
}

/** What is wrong with a head, or its mark. */
export function readFileHead(head: Buffer): { readonly expected: string; readonly found: string } | number {
  const name = head.toString('latin1', 0, 8)
  if (name !== magic) return { expected: `the eight bytes ${JSON.stringify(magic)}`, found: JSON.stringify(name) }
  const sum = crc32(head.subarray(0, 16))
  if (head.readUInt32LE(16) !== sum) return { expected: `the checksum ${sum}`, found: String(head.readUInt32LE(16)) }
  if (head.readUInt32LE(8) !== version) return { expected: `version ${version} of the format`, found: `version ${head.readUInt32LE(8)}` }

  return head.readUInt32LE(12)
}

/** A file that only grows, by whole writes: one that fails leaves nothing behind. */
export class JournalFile {
  readonly #descriptor: number
  #size: number
  #hasRest = false
  #syncs = 0
  #isClosed = false

  constructor(path: string, size: number | 'new') {
    this.#descriptor = openSync(path, size === 'new' ? 'w' : 'r+')
    this.#size = size === 'new' ? 0 : size
    if (size !== 'new') ftruncateSync(this.#descriptor, size)
  }

  get size(): number {
    return this.#size
  }

  append(bytes: Uint8Array): void {
    // What a failed write left would stand behind the next record as if it were one.
    if (this.#hasRest) this.#cutRest()
    try {
      for (let done = 0; done < bytes.byteLength; ) done += writeSync(this.#descriptor, bytes, done, bytes.byteLength - done, this.#size + done)
    } catch (error) {
      this.#hasRest = true
      this.#tryCutRest()
      throw error
    }
    this.#size += bytes.byteLength
  }

  /** Resolves once everything written before would survive a power cut. */
  async sync(): Promise<void> {
    if (this.#isClosed) return
    this.#syncs++
    try {
      await synced(this.#descriptor)
    } finally {
      this.#syncs--
      this.#release()
    }
  }

  /** Takes effect when no sync is under way: its descriptor would be somebody else's. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#release()
  }

  #release(): void {
    if (this.#isClosed && this.#syncs === 0) closeSync(this.#descriptor)
  }

  #cutRest(): void {
    ftruncateSync(this.#descriptor, this.#size)
    this.#hasRest = false
  }

  #tryCutRest(): void {
    try {
      this.#cutRest()
    } catch {
      // Tried again before the next write; until then nothing is written.
    }
  }
}

const synced = promisify(fdatasync)
