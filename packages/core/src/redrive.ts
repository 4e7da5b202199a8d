import type { DeathNotices } from './death-notices.js'
import type { DeadLetterFilter } from './dead-message.js'
import { matches } from './dead-message.js'
import { textUpTo } from './dead-letter.js'
import { parseDuration, type Duration } from './duration.js'
import { Rate } from './rate.js'
import type { Runtime } from './runtime.js'
import type { GroupAddress, PublishOutcome, RawDelivery } from './transport.js'
import { firstOfTheirKey, WaitingLetters } from './waiting-letters.js'
import { header } from './wire.js'

export interface RedriveOptions extends DeadLetterFilter {
  /** Looks at so many, the oldest first. Default: 1,000. */
  readonly limit?: number
  /** At most so many in each period. Default: as fast as the broker takes them. */
  readonly rate?: { readonly limit: number; readonly per: Duration }
  /** After each letter that is sent, and when it stops. What it throws ends the redrive. */
  readonly onProgress?: (progress: RedriveProgress) => void
  /** Ends it between two letters; what was sent is sent. */
  readonly signal?: AbortSignal
}

export interface RedriveProgress {
  /** Sent to their group again. */
  readonly redriven: number
  /** Looked at when it began, and none of those that it is for. */
  readonly kept: number
  /** Why no more are sent: one of them died again, the caller gave up or the app stops, or the broker did not take one. */
  readonly stopped: 'failed-again' | 'aborted' | 'not-taken' | undefined
}

export interface RedriveParts {
  readonly of: GroupAddress
  /** What marks those that it sends: one of them that dies again comes back with it. */
  readonly run: string
  readonly runtime: Runtime
  readonly notices: DeathNotices
  /** Later letters of a key are not to overtake an earlier one that stays. */
  readonly parks: boolean
  readonly list: () => Promise<readonly RawDelivery[]>
  readonly take: (decide: Decide) => Promise<number>
  readonly send: (letter: RawDelivery) => Promise<PublishOutcome>
}

type Decide = (letter: RawDelivery) => Promise<'remove' | 'keep' | 'stop'>

/** So long it has the letters in hand at a time; meanwhile nobody else is shown them. */
const handMs = 1_000
/** In between others have their turn. A wait for the rate that is no longer is waited with the letters in hand, for the rate's sake. */
const restMs = 200

/**
 * One redrive of the letters that are there when it begins: in rounds, no faster than it may, until one of them fails again. Only what it has in
 * hand is sent, and what waits for the rate is in nobody's hand, so that others see it, and may redrive or discard it.
 */
export class Redrive {
  readonly #parts: RedriveParts
  readonly #options: RedriveOptions
  readonly #rate: Rate | undefined
  readonly #perMs: number
  readonly #sent = new Set<string>()
  #waiting = new WaitingLetters([])
  #redriven = 0
  #kept = 0
  #behind = 0
  #stopped: RedriveProgress['stopped']
  #failure: { readonly error: unknown } | undefined

  constructor(parts: RedriveParts, options: RedriveOptions) {
    this.#parts = parts
    this.#options = options
    this.#perMs = (options.rate && parseDuration(options.rate.per)) ?? 0
    this.#rate = options.rate && new Rate({ limit: options.rate.limit, perMs: this.#perMs }, parts.runtime)
  }

  get stopped(): RedriveProgress['stopped'] {
    return this.#stopped
  }

  /** How many it is for and leaves, because an earlier one of their key stays. */
  get behind(): number {
    return this.#behind
  }

  /** Resolves with how many are gone from the dead letters. Throws what the caller's `onProgress` threw. */
  async run(): Promise<number> {
    const { notices, of } = this.#parts
    const unwatch = notices.onBuried(({ channel, group }, id) => {
      if (channel === of.channel && group === of.group && this.#sent.has(id)) this.#stopped ??= 'failed-again'
    })
    try {
      return await this.#run()
    } finally {
      unwatch()
    }
  }

  async #run(): Promise<number> {
    const letters = await this.#parts.list()
    const wanted = letters.filter((letter) => matches(letter, this.#options))
    const going = this.#parts.parks ? firstOfTheirKey(wanted, letters) : wanted
    this.#kept = letters.length - going.length
    this.#behind = wanted.length - going.length
    this.#waiting = new WaitingLetters(going)
    let removed = 0
    while (!this.#isOver()) removed += await this.#round()
    if (this.#stopped !== undefined || this.#redriven === 0) this.#tell()
    if (this.#failure) throw this.#failure.error

    return removed
  }

  #isOver(): boolean {
    if (this.#options.signal?.aborted) this.#stopped ??= 'aborted'

    return this.#stopped !== undefined || this.#waiting.isEmpty
  }

  /** What may not go yet is looked at all the same: behind it may stand one that died again in another process. */
  async #round(): Promise<number> {
    const until = this.#parts.runtime.elapsed() + handMs
    const shown: RawDelivery[] = []
    let isFull = false
    const removed = await this.#parts.take(async (letter) => {
      if (letter.headers[header.redriven] === this.#parts.run) this.#stopped = 'failed-again'
      if (this.#isOver()) return 'stop'
      if (!isFull && this.#isTurnOf(letter)) {
        isFull = !(await this.#mayGo(until))
        if (this.#isOver()) return 'stop'
        if (!isFull) return (await this.#isSent(letter)) ? 'remove' : 'stop'
      }
      shown.push(letter)

      return 'keep'
    })
    if (this.#isOver()) return removed
    // What was not shown is another process's by now; what goes behind it would wait for ever.
    this.#waiting = this.#waiting.among(shown)
    if (isFull) await this.#rest()

    return removed
  }

  #isTurnOf(letter: RawDelivery): boolean {
    return this.#waiting.has(letter) && this.#waiting.isNext(letter)
  }

  async #isSent(letter: RawDelivery): Promise<boolean> {
    const id = textUpTo(letter.envelope.id, 255)
    if (id !== undefined) this.#sent.add(id)
    const { kind } = await this.#parts.send(letter)
    if (kind !== 'confirmed') {
      this.#stopped ??= 'not-taken'

      return false
    }
    this.#waiting.remove(letter)
    this.#redriven++
    this.#tell()

    return true
  }

  /** False: the others come first. */
  async #mayGo(until: number): Promise<boolean> {
    const { runtime } = this.#parts
    while (runtime.elapsed() < until) {
      const wait = this.#rate?.take('') ?? 0
      if (wait === 0) return true
      if (wait > restMs) return false
      await this.#pause(wait)
      if (this.#options.signal?.aborted) return false
    }

    return false
  }

  /** As long as the rate asks for. A fast one is caught up with in the next round. */
  #rest(): Promise<void> {
    const wait = this.#rate?.wait('') ?? 0

    return this.#pause(Math.max(restMs, wait, wait > 0 ? Math.min(this.#perMs, handMs) : 0))
  }

  #tell(): void {
    try {
      this.#options.onProgress?.({ redriven: this.#redriven, kept: this.#kept, stopped: this.#stopped })
    } catch (error) {
      // What was sent must go from the dead letters first: it would be in two places.
      this.#failure ??= { error }
      this.#stopped ??= 'aborted'
    }
  }

  /** Until then, or until the caller gives up. */
  #pause(ms: number): Promise<void> {
    const { signal } = this.#options

    return new Promise((resolve) => {
      const over = (): void => {
        signal?.removeEventListener('abort', over)
        cancel()
        resolve()
      }
      const cancel = this.#parts.runtime.after(ms, over)
      signal?.addEventListener('abort', over)
    })
  }
}
