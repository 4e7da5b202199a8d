import { type Letter, type Mark, markOf, messageOf, textUpTo } from './dead-letter.js'
import type { DeathNotices } from './death-notices.js'
import { BrokerRefused } from './error.js'
import type { Job } from './job.js'
import type { Link } from './link.js'
import type { Logger } from './logger.js'
import { OnTheWay } from './on-the-way.js'
import type { Runtime } from './runtime.js'
import type { GroupAddress, RawDelivery } from './transport.js'
import { header } from './wire.js'
import { within } from './within.js'

/** So many dead letters are looked at for their keys. */
const mostLetters = 10_000
/** A queue or partition that was silent for so long may have been another process's meanwhile. */
const silentMs = 5_000
/** So long a message waits for the dead letters: ten thousand come in less, unless somebody else has them in hand. */
const patienceMs = 60_000
/** Between two times that they are looked for in vain. */
const [firstPauseMs, longestPauseMs] = [20, 1_000]

export interface ParkingOptions {
  readonly channel: string
  readonly group: string
  readonly link: Link
  readonly notices: DeathNotices
  readonly runtime: Runtime
  readonly log: Logger
}

export interface ParkingEnd {
  /** It may run. */
  admitted(job: Job): void
  /** A message before it, of its key, is dead. */
  parked(job: Job): void
}

interface DeadKey {
  /** By their marks: one that dies again in a redrive is the same letter. */
  readonly letters: Set<string>
  /** The redrives in which one of them died again, the last one at the end. */
  readonly failedIn: Set<string>
}

/** What became of a letter while the letters were read, which the read may have seen or not. */
interface Change {
  readonly key: string
  readonly mark: Mark
  readonly isBurial: boolean
}

/**
 * Which keys of a group have dead letters, for listeners with `deadKey: 'park'`. Later messages of such a key go beside them, in order, until all of
 * its letters were redriven and done, or discarded. Known from the dead letters themselves: read before anything is consumed, and again when a
 * queue or partition speaks after a silence or a lost connection, as it may come from a process that has ended.
 */
export class Parking {
  readonly #options: ParkingOptions
  readonly #end: ParkingEnd
  readonly #heard = new Map<string, number>()
  readonly #onTheWay: OnTheWay
  readonly #unwatch: () => void
  #dead = new Map<string, DeadKey>()
  #reading: Promise<void> | undefined
  #isLate = false
  #changes: Change[] | undefined
  /** The read that is under way may have seen what is gone by now. */
  #isDoubtful = false
  #isOver = false
  #endPause: () => void = () => undefined

  constructor(options: ParkingOptions, end: ParkingEnd) {
    this.#options = options
    this.#end = end
    this.#onTheWay = new OnTheWay(options.runtime)
    const isOwn = ({ channel, group }: GroupAddress): boolean => channel === options.channel && group === options.group
    const ends = [
      options.notices.onDiscarded((of, key, letter) => isOwn(of) && this.#gone(key, markOf(letter))),
      options.notices.onRedriven((of, key, letter) => isOwn(of) && this.#onTheWay.sent(key, markOf(letter))),
    ]
    this.#unwatch = () => ends.forEach((end) => end())
  }

  /** How many keys are parked. */
  get keys(): number {
    return this.#dead.size
  }

  async read(): Promise<void> {
    const { channel, group, link, log } = this.#options
    const changes: Change[] = []
    this.#changes = changes
    const letters = await link.transport.dead.list({ channel, group }, mostLetters).finally(() => {
      this.#changes = undefined
    })
    this.#dead = this.#counted(letters, changes)
    if (this.#isDoubtful) this.forget()
    this.#isDoubtful = false
    if (letters.length >= mostLetters)
      log.warn(`Group "${group}" on "${channel}" has ${mostLetters} dead letters or more; keys of later ones are not parked. Redrive or discard the oldest.`)
  }

  /** Says at once or later what becomes of a job whose turn has come. */
  judge(job: Job): void {
    if (this.#isLate || this.#isFresh(job)) return this.#decide(job)

    this.#reading ??= this.#readInTime()
    this.#reading.then(
      () => this.#decide(job),
      (error: unknown) => {
        this.forget()
        if (!this.#isOver)
          this.#options.log.error(`The dead letters of group "${this.#options.group}" could not be read, so nothing new is known of parked keys: ${messageOf(error)}`)
        this.#decide(job)
      },
    )
  }

  /** Whether one behind others of its key may run with them, as far as is known without another look. */
  admits(job: Job): boolean {
    return (this.#isLate || this.#isKnown(job, this.#options.runtime.elapsed())) && !this.#isParked(job)
  }

  /** Who lost its connection, or could not look, may not know what died in another process meanwhile: the next message makes it look. */
  forget(): void {
    this.#heard.clear()
  }

  /** It is dead now, or stands beside the dead ones. */
  buried(job: Job, letter: Letter): void {
    const key = job.key as string
    const mark = markOf(letter)
    const redrive = redriveOf(job)
    this.#onTheWay.came(key, mark)
    if (redrive !== undefined && markOf(job.raw).text !== mark.text) this.#gone(key, markOf(job.raw))
    failed(more(this.#dead, key, mark, undefined), redrive)
    this.#changes?.push({ key, mark, isBurial: true })
  }

  /** It is done. Where it was a dead letter, there is one less. */
  done(job: Job): void {
    if (redriveOf(job) !== undefined) this.#gone(job.key as string, markOf(job.raw))
  }

  stop(): void {
    this.#isOver = true
    this.#unwatch()
    this.#endPause()
  }

  #readInTime(): Promise<void> {
    const reading = this.#readAtLast().finally(() => {
      this.#reading = undefined
      this.#isLate = false
    })

    return within(reading, patienceMs, this.#options.runtime, () => {
      this.#isLate = true

      return new Error(`They have not come for ${patienceMs / 1_000} s; somebody else may have them in hand.`)
    })
  }

  /** What delivers may be back before what looks at dead letters: until that is back too, nobody knows whose turn it is. */
  async #readAtLast(): Promise<void> {
    const { group, channel, log } = this.#options
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, 2 * pauseMs)) {
      try {
        return await this.read()
      } catch (error) {
        if (error instanceof BrokerRefused || this.#isOver) throw error
        if (pauseMs === firstPauseMs) log.warn(`The dead letters of group "${group}" on "${channel}" cannot be read yet; messages with a key wait for it: ${messageOf(error)}`)
      }
      await this.#pause(pauseMs)
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.runtime.after(ms, resolve)
      this.#endPause = () => {
        cancel()
        resolve()
      }
    })
  }

  #decide(job: Job): void {
    if (this.#isParked(job)) this.#end.parked(job)
    else this.#end.admitted(job)
  }

  #isParked(job: Job): boolean {
    const known = this.#dead.get(job.key as string)
    const redrive = redriveOf(job)

    return known !== undefined && (redrive === undefined || known.failedIn.has(redrive))
  }

  #gone(key: string, mark: Mark): void {
    this.#onTheWay.came(key, mark)
    if (mark.isShared) return this.#mayBeGone(key, mark)
    less(this.#dead, key, mark)
    this.#changes?.push({ key, mark, isBurial: false })
  }

  /** Another letter may have the same mark, which only the dead letters themselves can tell: the next message makes it look. */
  #mayBeGone(key: string, { text }: Mark): void {
    if (this.#changes) this.#isDoubtful = true
    else if (this.#dead.get(key)?.letters.has(text)) this.forget()
  }

  /** What the read found and could not find, and on top what changed meanwhile, where the read shows the time before. */
  #counted(letters: readonly RawDelivery[], changes: readonly Change[]): Map<string, DeadKey> {
    const dead = new Map<string, DeadKey>()
    for (const letter of letters) {
      const key = textUpTo(letter.envelope.subject, 255)
      if (key !== undefined) failed(more(dead, key, markOf(letter), this.#dead.get(key)), broughtBy(letter))
    }
    for (const [key, mark] of this.#onTheWay.all()) more(dead, key, mark, this.#dead.get(key))
    for (const { key, mark, isBurial } of changes) {
      if (isBurial) more(dead, key, mark, this.#dead.get(key))
      else less(dead, key, mark)
    }

    return dead
  }

  #isFresh(job: Job): boolean {
    const now = this.#options.runtime.elapsed()
    const isKnown = this.#isKnown(job, now)
    this.#heard.set(addressOf(job), now)

    return isKnown
  }

  #isKnown(job: Job, now: number): boolean {
    const before = this.#heard.get(addressOf(job))

    return !this.#reading && before !== undefined && now - before < silentMs
  }
}

function addressOf({ raw: { origin } }: Job): string {
  return `${origin.address} ${origin.partition ?? ''}`
}

/** Of the redrives that were known before, the last one: what it sent may still come. Those of its letters tell of themselves. */
function more(dead: Map<string, DeadKey>, key: string, { text }: Mark, before: DeadKey | undefined): DeadKey {
  const known = dead.get(key) ?? { letters: new Set(), failedIn: new Set([...(before?.failedIn ?? [])].slice(-1)) }
  known.letters.add(text)
  dead.set(key, known)

  return known
}

/** One of its letters died in this redrive, if it came by one. */
function failed({ failedIn }: DeadKey, redrive: string | undefined): void {
  if (redrive === undefined) return
  failedIn.delete(redrive)
  failedIn.add(redrive)
}

function less(dead: Map<string, DeadKey>, key: string, { text }: Mark): void {
  const known = dead.get(key)
  if (known?.letters.delete(text) && known.letters.size === 0) dead.delete(key)
}

/** The redrive that brought it; a header of that name on a message that came over its channel says nothing. */
function redriveOf({ raw }: Job): string | undefined {
  return raw.toGroup ? broughtBy(raw) : undefined
}

/** Of a dead letter the redrive in which it died. Where a stranger wrote it, it is none that ever comes. */
function broughtBy({ headers }: Letter): string | undefined {
  return textUpTo(headers[header.redriven], 64)
}
