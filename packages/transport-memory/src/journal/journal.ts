import { confirmed, type Logger, type PublishOutcome } from '@waybill/core'
import { dirname } from 'node:path'
import type { Entry } from '../broker/message.js'
import type { Task, Turn } from '../broker/turn.js'
import type { Admission } from './admission.js'
import { Compaction, syncDirectory } from './compaction.js'
import type { JournalFile } from './journal-file.js'
import { Live } from './live.js'
import { type BrokerRecord, writeCounted, writeDone, writeEntered, writeStored, writeMade } from './record.js'
import { Sheet } from './sheet.js'

/** Below this a file is not worth a second one. */
const leastDeadBytes = 1024 * 1024

export interface JournalParts {
  readonly path: string
  readonly file: JournalFile
  readonly marker: number
  readonly syncs: boolean
  readonly turn: Turn
  readonly log: Logger
  records(): Iterable<BrokerRecord>
  unlock(): void
}

/**
 * What the broker holds, on disk. Everything that a turn did leaves as one write at its end, before anybody is told of it; what was
 * confirmed is written, what was done since may follow later and is then delivered once more.
 */
export class Journal implements Task {
  readonly live = new Live()
  readonly #parts: JournalParts
  readonly #sheet: Sheet
  #file: JournalFile
  #made: BrokerRecord[] = []
  #admissions: Admission[] = []
  #moves: Move[] = []
  #entered: Entry[] = []
  #counted: Entry[] = []
  #done: number[] = []
  #hasWork = false
  #failure: string | undefined
  #isClosed = false
  /** Why it is over with writing, for good. */
  #broken: string | undefined
  #waiters: ((failure: string | undefined) => void)[] = []
  #syncing: Promise<void> | undefined
  #compaction: Compaction | undefined
  #compacting: Promise<void> | undefined
  /** The new file has the name of the old one; the disk may not know it yet. */
  #naming: Promise<void> | undefined
  /** What of the file is neither about messages nor dead: its head and the topology. */
  #fixedBytes = 0
  #leastDeadBytes = leastDeadBytes

  constructor(parts: JournalParts) {
    this.#parts = parts
    this.#file = parts.file
    this.#sheet = new Sheet(parts.marker)
  }

  // ── what is to be written ───────────────────────────────────────────────────────────────────────

  made(record: BrokerRecord): void {
    this.#made.push(record)
    this.#later()
  }

  /** Its queues get it once it is written. */
  admit(admission: Admission): void {
    this.#admissions.push(admission)
    this.#later()
  }

  /** A dead letter takes the place of what died. */
  moved(entry: Entry, letter: Entry, headers: string): void {
    const replaced = entry.filed
    this.live.add(letter)
    if (replaced) this.live.remove(replaced)
    this.#moves.push({ letter, replaced: replaced?.id ?? 0, headers })
    this.#later()
  }

  /** It was delayed and is due. */
  entered(entry: Entry): void {
    this.#entered.push(entry)
    this.#later()
  }

  /** It was delivered once more, or not after all. */
  counted(entry: Entry): void {
    if (entry.filed === undefined || entry.filed.isCounted) return
    entry.filed.isCounted = true
    this.#counted.push(entry)
    this.#later()
  }

  done(entry: Entry): void {
    if (entry.filed === undefined) return
    this.#done.push(entry.filed.id)
    this.live.remove(entry.filed)
    this.#later()
  }

  // ── writing ─────────────────────────────────────────────────────────────────────────────────────

  /** Writes what there is. What cannot be written is tried again with the next write; only messages that are new are turned away. */
  run(): void {
    if (!this.#hasWork) return
    const admissions = this.#admissions
    this.#admissions = []
    const failure = this.#broken ?? (this.#isClosed ? 'the memory broker was closed' : this.#write(admissions))
    for (const admission of admissions) conclude(admission, failure)
    this.#hasWork = failure !== undefined
    if (failure === undefined) this.#compactIfWorthIt()
  }

  /** Calls back once everything that was written is as safe as it was asked for, with the reason where nobody knows. */
  whenSafe(then: (failure: string | undefined) => void): void {
    if (!this.#parts.syncs) return then(undefined)
    this.#waiters.push(then)
    this.#syncing ??= this.#sync()
  }

  /** Resolves with the reason where something could not be written. */
  flush(): Promise<string | undefined> {
    this.run()

    return new Promise((resolve) => this.whenSafe((failure) => resolve(failure ?? this.#failure)))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    await this.flush()
    this.#isClosed = true
    await this.#compacting
    await this.#syncing
    this.#file.close()
    this.#parts.unlock()
  }

  /** The reason for which nothing was written. */
  #write(admissions: readonly Admission[]): string | undefined {
    this.#sheet.clear()
    for (const record of this.#made) writeMade(this.#sheet, record)
    for (const admission of admissions) this.#writeAdmission(admission)
    for (const move of this.#moves) this.#writeMove(move)
    writeEntered(this.#sheet, this.#entered.filter(isFiled))
    writeCounted(this.#sheet, this.#counted.filter(isFiled))
    writeDone(this.#sheet, this.#done)
    try {
      this.#file.append(this.#sheet.bytes)
    } catch (error) {
      return this.#noteFailure(String(error), admissions)
    }
    this.#compaction?.mirror(this.#sheet.bytes)
    this.#forgetWritten()

    return undefined
  }

  #writeAdmission({ entries, headers }: Admission): void {
    for (const entry of entries) {
      if (entry.dueAt === undefined) entry.sequence = entry.home.nextSequence()
      this.live.add(entry)
    }
    const share = writeStored(this.#sheet, entries, headers, 0)
    for (const { filed } of entries) if (filed) this.live.weigh(filed, share)
  }

  #writeMove({ letter, replaced, headers }: Move): void {
    if (letter.filed === undefined) return writeDone(this.#sheet, [replaced])
    this.live.weigh(letter.filed, writeStored(this.#sheet, [letter], headers, replaced))
  }

  #forgetWritten(): void {
    for (const { filed } of this.#counted) if (filed) filed.isCounted = false
    this.#made = []
    this.#moves = []
    this.#entered = []
    this.#counted = []
    this.#done = []
    if (this.#failure) this.#parts.log.info('The journal of the memory broker can be written again.', { file: this.#parts.path })
    this.#failure = undefined
  }

  #noteFailure(error: string, admissions: readonly Admission[]): string {
    for (const { entries } of admissions) for (const { filed } of entries) if (filed) this.live.remove(filed)
    if (!this.#failure) this.#parts.log.error('The journal of the memory broker cannot be written: publishes are rejected until it can.', { file: this.#parts.path, error })
    this.#failure = `the journal "${this.#parts.path}" cannot be written: ${error}. Give it room and rights`

    return this.#failure
  }

  #later(): void {
    this.#hasWork = true
    this.#parts.turn.atEnd(this)
  }

  // ── syncing ─────────────────────────────────────────────────────────────────────────────────────

  async #sync(): Promise<void> {
    while (this.#waiters.length > 0) {
      const waiters = this.#waiters
      this.#waiters = []
      try {
        await Promise.all([this.#file.sync(), this.#compaction?.sync(), this.#naming])
      } catch (error) {
        this.#break(String(error))
      }
      for (const tell of waiters) tell(this.#broken)
    }
    this.#syncing = undefined
  }

  // After a sync that failed the system may have thrown away what it could not write, and the next sync would succeed without it.
  #break(error: string): void {
    if (this.#broken !== undefined) return
    this.#broken = `the journal "${this.#parts.path}" could not be synced: ${error}. Look after the disk and start again`
    this.#parts.log.error(
      'The journal of the memory broker could not be synced, so nobody knows what the disk has of it: every publish is rejected. Look after the disk and start again.',
      {
        file: this.#parts.path,
        error,
      },
    )
  }

  // ── compaction ──────────────────────────────────────────────────────────────────────────────────

  #compactIfWorthIt(): void {
    const dead = this.#file.size - this.live.bytes - this.#fixedBytes
    if (this.#compacting || this.#isClosed || dead < Math.max(this.live.bytes, this.#leastDeadBytes)) return
    this.#compacting = this.#compact().finally(() => (this.#compacting = undefined))
  }

  async #compact(): Promise<void> {
    try {
      this.#compaction = new Compaction({ path: this.#parts.path, marker: this.#parts.marker, live: this.live, records: () => this.#parts.records() })
      await this.#compaction.run(() => this.#isClosed)
      this.#compaction.putInPlace()
      this.#take(this.#compaction.file)
    } catch (error) {
      this.#compaction?.abandon()
      // The old file goes on. Tried again once it has grown by as much again.
      this.#leastDeadBytes = this.#file.size * 2
      if (!this.#isClosed) this.#parts.log.warn('The journal of the memory broker could not be compacted; it goes on growing.', { file: this.#parts.path, error: String(error) })
    } finally {
      this.#compaction = undefined
    }
    await this.#naming?.catch((error: unknown) => this.#break(String(error)))
    this.#naming = undefined
  }

  // From here to the end of it nothing waits: what is written next is written to the new file.
  #take(file: JournalFile): void {
    this.#file.close()
    this.#file = file
    this.#fixedBytes = Math.max(0, file.size - this.live.bytes)
    this.#leastDeadBytes = leastDeadBytes
    this.#naming = syncDirectory(dirname(this.#parts.path))
  }
}

interface Move {
  readonly letter: Entry
  readonly replaced: number
  readonly headers: string
}

function conclude(admission: Admission, failure: string | undefined): void {
  admission.outcome = failure === undefined ? confirmed : rejected(failure)
  for (const entry of admission.entries) {
    if (failure === undefined) entry.home.place(entry)
    else entry.home.turnAway(entry)
  }
}

function rejected(reason: string): PublishOutcome {
  return { kind: 'rejected', reason }
}

function isFiled(entry: Entry): boolean {
  return entry.filed !== undefined
}
