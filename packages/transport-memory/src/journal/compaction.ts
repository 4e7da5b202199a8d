import { renameSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { textOfHeaders } from './header-text.js'
import { fileHead, JournalFile } from './journal-file.js'
import type { Live } from './live.js'
import { type BrokerRecord, writeStored, writeMade } from './record.js'
import { Sheet } from './sheet.js'

/** So much is written before others get a turn. */
const sliceBytes = 128 * 1024

export interface CompactionPlan {
  readonly path: string
  readonly marker: number
  readonly live: Live
  records(): Iterable<BrokerRecord>
}

/**
 * Writes what is still there into a new file beside the old one, slice by slice, and puts it in its place. Until then the old one is
 * the journal: what is written meanwhile goes to both.
 */
export class Compaction {
  readonly file: JournalFile
  readonly #plan: CompactionPlan
  readonly #sheet: Sheet
  #failure: unknown

  constructor(plan: CompactionPlan) {
    this.#plan = plan
    this.#sheet = new Sheet(plan.marker)
    this.file = new JournalFile(newPathOf(plan.path), 'new')
    plan.live.rewind()
    for (const record of plan.records()) writeMade(this.#sheet, record)
  }

  /** Repeats what was written to the journal. It never stops the journal: a file that cannot be written is given up. */
  mirror(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return
    try {
      this.file.append(bytes)
    } catch (error) {
      this.#failure = error
    }
  }

  /** What was repeated is on disk, or this file will never be the journal. */
  async sync(): Promise<void> {
    try {
      await this.file.sync()
    } catch (error) {
      this.#failure ??= error
    }
  }

  /** Resolves when everything is in the new file, and on disk. */
  async run(isStopped: () => boolean): Promise<void> {
    this.file.append(fileHead(this.#plan.marker))
    for (let hasMore = true; hasMore; ) {
      hasMore = this.#writeSlice()
      await this.#giveWay(isStopped)
    }
  }

  /** From now on the new file is the journal. */
  putInPlace(): void {
    if (this.#failure !== undefined) throw this.#failure
    renameSync(newPathOf(this.#plan.path), this.#plan.path)
  }

  abandon(): void {
    this.file.close()
    rmSync(newPathOf(this.#plan.path), { force: true })
  }

  /** False once there is nothing left. */
  #writeSlice(): boolean {
    const { live } = this.#plan
    let filed = live.read()
    for (; filed !== undefined; filed = this.#sheet.size < sliceBytes ? live.read() : undefined) {
      live.weigh(filed, writeStored(this.#sheet, [filed.entry], textOfHeaders(filed.entry.message.headers) ?? '{}', 0))
    }
    const hasMore = this.#sheet.size > 0
    this.file.append(this.#sheet.bytes)
    this.#sheet.clear()

    return hasMore
  }

  // Gives the loop to others, and leaves little to be synced at the end.
  async #giveWay(isStopped: () => boolean): Promise<void> {
    await this.sync()
    if (this.#failure !== undefined) throw this.#failure
    if (isStopped()) throw new Error('the broker was closed meanwhile')
  }
}

export function newPathOf(path: string): string {
  return `${path}.new`
}

/** A name that was given to a file survives a power cut once its folder was synced, too. */
export async function syncDirectory(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(unlessUnknown)
  try {
    await handle?.sync().catch(unlessUnknown)
  } finally {
    await handle?.close()
  }
}

/** Some systems keep no names apart from files, and say so by one of these. */
function unlessUnknown(error: unknown): undefined {
  if (!['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
}
