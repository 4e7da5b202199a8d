import type { DeathNotices } from './death-notices.js'
import type { DeadLetterFilter } from './dead-message.js'
import { matches } from './dead-message.js'
import { textUpTo } from './dead-letter.js'
import { parseDuration, type Duration } from './duration.js'
import { Rate } from './rate.js'
import type { Runtime } from './runtime.js'
import type { GroupAddress, PublishOutcome, RawDelivery } from './transport.js'
import { header } from './wire.js'

export interface RedriveOptions extends DeadLetterFilter {
  /** Looks at so many, the oldest first. Default: 1,000. */
  readonly limit?: number
  /** At most so many in each period. Default: as fast as the broker takes them. */
  readonly rate?: { readonly limit: number; readonly per: Duration }
  /** After each letter. What it throws ends the redrive. */
  readonly onProgress?: (progress: RedriveProgress) => void
  /** Ends it between two letters; what was sent is sent. */
  readonly signal?: AbortSignal
}

export interface RedriveProgress {
  /** Sent to their group again. */
  readonly redriven: number
  /** Looked at and left where they are. */
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
  readonly send: (letter: RawDelivery) => Promise<PublishOutcome>
}

/**
 * One redrive: letter after letter, no faster than it may, until one of them fails again. Letters of one key leave together, in the order in which
 * they died first: one that was redriven in vain stands behind those that came after it.
 */
export class Redrive {
  readonly #parts: RedriveParts
  readonly #options: RedriveOptions
  readonly #rate: Rate | undefined
  readonly #keys: Map<string, RawDelivery[]>
  readonly #sent = new Set<string>()
  /** Those that were sent and are still among the dead. Several may have one id. */
  readonly #leaving: RawDelivery[] = []
  readonly #unwatch: () => void
  #redriven = 0
  #kept = 0
  #stopped: RedriveProgress['stopped']
  #failure: { readonly error: unknown } | undefined

  /** `letters` are those that it will be shown, as they stand at this moment. */
  constructor(parts: RedriveParts, options: RedriveOptions, letters: readonly RawDelivery[]) {
    this.#parts = parts
    this.#options = options
    this.#rate = options.rate ? rateOf(options.rate, parts.runtime) : undefined
    this.#keys = byKey(letters.filter((letter) => matches(letter, options)))
    this.#unwatch = parts.notices.onBuried(({ channel, group }, id) => {
      if (channel === parts.of.channel && group === parts.of.group && this.#sent.has(id)) this.#stopped ??= 'failed-again'
    })
  }

  get stopped(): RedriveProgress['stopped'] {
    return this.#stopped
  }

  async decide(letter: RawDelivery): Promise<'remove' | 'keep' | 'stop'> {
    const diedAgain = letter.headers[header.redriven] === this.#parts.run
    if (diedAgain) this.#stopped = 'failed-again'
    if (diedAgain || !(await this.#hasLeft(letter))) return this.#pass()

    this.#redriven++
    this.#tell()

    return 'remove'
  }

  async #hasLeft(letter: RawDelivery): Promise<boolean> {
    if (this.#takeLeaving(letter)) return true
    if (!matches(letter, this.#options)) return false
    await this.#sendWithItsKey(letter)

    return this.#takeLeaving(letter)
  }

  #takeLeaving(letter: RawDelivery): boolean {
    const at = this.#leaving.findIndex((sent) => areSame(sent, letter))
    if (at >= 0) this.#leaving.splice(at, 1)

    return at >= 0
  }

  /** Throws what the caller's `onProgress` threw. */
  close(): void {
    this.#unwatch()
    if (this.#failure) throw this.#failure.error
  }

  /** What was sent must go from the dead letters, also when no more is sent. */
  #pass(): 'keep' | 'stop' {
    if (this.#options.signal?.aborted) this.#stopped ??= 'aborted'
    const isOver = this.#stopped !== undefined && this.#leaving.length === 0
    if (!isOver) this.#kept++
    this.#tell()

    return isOver ? 'stop' : 'keep'
  }

  async #sendWithItsKey(letter: RawDelivery): Promise<void> {
    const key = keyOf(letter)
    const letters = (key === undefined || idOf(letter) === undefined ? undefined : this.#keys.get(key)) ?? [letter]
    if (key !== undefined) this.#keys.delete(key)
    for (const each of letters) await this.#send(each)
  }

  async #send(letter: RawDelivery): Promise<void> {
    await this.#turn()
    if (this.#options.signal?.aborted) this.#stopped ??= 'aborted'
    if (this.#stopped) return

    const id = idOf(letter)
    if (id !== undefined) this.#sent.add(id)
    const { kind } = await this.#parts.send(letter)
    if (kind === 'confirmed') this.#leaving.push(letter)
    else this.#stopped ??= 'not-taken'
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

  /** Resolves when the rate allows one more, or when the caller gives up. */
  async #turn(): Promise<void> {
    const { signal } = this.#options
    for (let wait = this.#rate?.take('') ?? 0; wait > 0 && !signal?.aborted; wait = this.#rate?.take('') ?? 0) await this.#pause(wait)
  }

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

function rateOf({ limit, per }: NonNullable<RedriveOptions['rate']>, runtime: Runtime): Rate {
  return new Rate({ limit, perMs: parseDuration(per) ?? 0 }, runtime)
}

function byKey(letters: readonly RawDelivery[]): Map<string, RawDelivery[]> {
  const keys = new Map<string, RawDelivery[]>()
  for (const letter of letters) {
    const key = keyOf(letter)
    if (key !== undefined && idOf(letter) !== undefined) append(keys, key, letter)
  }
  for (const same of keys.values()) same.sort((a, b) => (firstDeath(a) < firstDeath(b) ? -1 : firstDeath(a) > firstDeath(b) ? 1 : 0))

  return keys
}

function append(keys: Map<string, RawDelivery[]>, key: string, letter: RawDelivery): void {
  const same = keys.get(key)
  if (same) same.push(letter)
  else keys.set(key, [letter])
}

function firstDeath({ headers }: RawDelivery): string {
  return textUpTo(headers[header.firstDeath], 64) ?? ''
}

function keyOf({ envelope }: RawDelivery): string | undefined {
  return textUpTo(envelope.subject, 255)
}

/** A letter that a stranger wrote may have none. */
function idOf({ envelope }: RawDelivery): string | undefined {
  return textUpTo(envelope.id, 255)
}

/** A letter is read twice, once to be sorted and once to be decided on. Two that are the same in all this may take each other's place. */
function areSame(a: RawDelivery, b: RawDelivery): boolean {
  if (a === b) return true

  return idOf(a) === idOf(b) && keyOf(a) === keyOf(b) && marksOfDeath.every((name) => a.headers[name] === b.headers[name]) && Buffer.compare(a.body, b.body) === 0
}

const marksOfDeath = [header.deadTime, header.firstDeath, header.redriven]
