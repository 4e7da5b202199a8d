import { BrokerRefused } from '@waybill/core'
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { fileHeadBytes, readFileHead } from './journal-file.js'
import { headBytes } from './sheet.js'

/** What was found in a file. */
export interface Contents {
  readonly marker: number
  /** Where the next record goes. */
  readonly end: number
  /** Behind that: of a write that was cut short. */
  readonly cutBytes: number
}

type Visit = (payload: Buffer) => boolean

/**
 * Reads every record of a journal. A last write that was cut short ends it. Throws where something is broken and whole records follow:
 * that was no write that was cut short, and what stood there was confirmed. Where not even the head is whole, it ends at 0.
 */
export async function readFile(path: string, handle: FileHandle, visit: Visit): Promise<Contents> {
  const window = new Window(handle, (await handle.stat()).size)
  const head = await window.at(0, fileHeadBytes)
  if (head === undefined) return { marker: 0, end: 0, cutBytes: window.size }
  const marker = readFileHead(head)
  if (typeof marker !== 'number') throw broken(path, 0, marker.expected, marker.found, undefined)

  return new Reading(path, window, marker).run(visit)
}

class Reading {
  constructor(
    readonly path: string,
    readonly window: Window,
    readonly marker: number,
  ) {}

  async run(visit: Visit): Promise<Contents> {
    let at = fileHeadBytes
    for (;;) {
      const found = await this.#recordAt(at)
      if (typeof found === 'string') return this.#endAt(at, found)
      if (!visit(found)) throw broken(this.path, at, 'a record of a kind that this version knows', `kind ${found[0]}`, undefined)
      at += headBytes + found.length
    }
  }

  /** Its payload, or what was found instead. */
  async #recordAt(at: number): Promise<Buffer | string> {
    const head = await this.window.at(at, headBytes)
    if (head === undefined) return `${this.window.size - at} bytes`
    if (head.readUInt32LE(0) !== this.marker) return `the bytes ${head.toString('hex', 0, 4)} where a record begins`
    const length = head.readUInt32LE(4)
    const sum = head.readUInt32LE(8)
    const payload = await this.window.at(at + headBytes, length)
    if (payload === undefined || length === 0) return `a length of ${length} bytes, of which ${this.window.size - at - headBytes} are there`
    const found = crc32(payload)

    return found === sum ? payload : `the checksum ${found} instead of ${sum}`
  }

  async #endAt(at: number, found: string): Promise<Contents> {
    const next = await this.#nextRecord(at + 1)
    if (next !== undefined) throw broken(this.path, at, 'a whole record', found, next)

    return { marker: this.marker, end: at, cutBytes: this.window.size - at }
  }

  async #nextRecord(from: number): Promise<number | undefined> {
    for (let at = await this.window.find(this.marker, from); at !== undefined; at = await this.window.find(this.marker, at + 1)) {
      if (typeof (await this.#recordAt(at)) !== 'string') return at
    }

    return undefined
  }
}

/** A look at part of a file, so that a large one is never in memory as a whole. */
class Window {
  #buffer = Buffer.alloc(0)
  #start = 0

  constructor(
    readonly handle: FileHandle,
    readonly size: number,
  ) {}

  /** Valid until the next call. Undefined where the file ends before. */
  async at(offset: number, length: number): Promise<Buffer | undefined> {
    if (offset + length > this.size) return undefined
    const isInside = offset >= this.#start && offset + length <= this.#start + this.#buffer.length
    if (!isInside) await this.#load(offset, Math.max(length, windowBytes))

    return this.#buffer.subarray(offset - this.#start, offset - this.#start + length)
  }

  async find(marker: number, from: number): Promise<number | undefined> {
    const wanted = Buffer.alloc(4)
    wanted.writeUInt32LE(marker)
    for (let at = from; at + wanted.length <= this.size; at += windowBytes - 3) {
      const part = await this.at(at, Math.min(windowBytes, this.size - at))
      const found = part?.indexOf(wanted) ?? -1
      if (found >= 0) return at + found
    }

    return undefined
  }

  async #load(offset: number, length: number): Promise<void> {
    const buffer = Buffer.allocUnsafe(Math.min(length, this.size - offset))
    for (let done = 0; done < buffer.length; ) {
      const { bytesRead } = await this.handle.read(buffer, done, buffer.length - done, offset + done)
      if (bytesRead === 0) throw new Error(`the file became shorter than ${this.size} bytes while it was read`)
      done += bytesRead
    }
    this.#buffer = buffer
    this.#start = offset
  }
}

const windowBytes = 1024 * 1024

function broken(path: string, at: number, expected: string, found: string, next: number | undefined): BrokerRefused {
  const why = next === undefined ? '' : ` Whole records follow at byte ${next}, so this is damage and not a write that was cut short.`

  return new BrokerRefused(
    'JOURNAL_BROKEN',
    `The journal "${path}" cannot be read at byte ${at}: expected ${expected}, found ${found}.${why} Nothing was changed. ` +
      'Put a copy of the file back, start the version that wrote it, or move the file away to begin with nothing: what it held is then not delivered.',
  )
}
