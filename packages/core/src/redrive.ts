import type { DeathNotices } from './death-notices.js'
import type { DeadLetterFilter } from './dead-message.js'
import { matches } from './dead-message.js'
import { textUpTo } from './dead-letter.js'
import { parseDuration, type Duration } from './duration.js'
import { WaybillError } from './error.js'
import { Rate } from './rate.js'
import type { Runtime } from './runtime.js'
import type { GroupAddress, PublishOutcome, RawDelivery } from './transport.js'

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
  /** Why no more are sent: one of them died again, the caller gave up, or the broker did not take one. */
  readonly stopped: 'failed-again' | 'aborted' | 'not-taken' | undefined
}

export interface RedriveParts {
  readonly of: GroupAddress
  readonly runtime: Runtime
  readonly notices: DeathNotices
  readonly send: (letter: RawDelivery) => Promise<PublishOutcome>
}

/** One redrive: letter after letter, no faster than it may, until one of them fails again. */
export class Redrive {
  readonly #parts: RedriveParts
  readonly #options: RedriveOptions
  readonly #rate: Rate | undefined
  readonly #sent = new Set<string>()
  readonly #unwatch: () => void
  #redriven = 0
  #kept = 0
  #stopped: RedriveProgress['stopped']

  constructor(parts: RedriveParts, options: RedriveOptions) {
    this.#parts = parts
    this.#options = options
    this.#rate = options.rate ? rateOf(options.rate, parts.runtime) : undefined
    this.#unwatch = parts.notices.watch(({ channel, group }, id) => {
      if (channel === parts.of.channel && group === parts.of.group && this.#sent.has(id)) this.#stopped ??= 'failed-again'
    })
  }

  get stopped(): RedriveProgress['stopped'] {
    return this.#stopped
  }

  async decide(letter: RawDelivery): Promise<'remove' | 'keep' | 'stop'> {
    const id = textUpTo(letter.envelope.id, 255)
    if (id !== undefined && this.#sent.has(id)) return this.#stop('failed-again')
    if (!matches(letter, this.#options)) return this.#keep()
    await this.#turn()
    if (this.#options.signal?.aborted) return this.#stop('aborted')
    if (this.#stopped) return this.#stop(this.#stopped)

    if (id !== undefined) this.#sent.add(id)
    const { kind } = await this.#parts.send(letter)
    if (kind !== 'confirmed') return this.#stop('not-taken')
    this.#redriven++
    this.#tell()

    return 'remove'
  }

  close(): void {
    this.#unwatch()
  }

  #keep(): 'keep' | 'stop' {
    if (this.#options.signal?.aborted) return this.#stop('aborted')
    this.#kept++
    this.#tell()

    return 'keep'
  }

  #stop(why: NonNullable<RedriveProgress['stopped']>): 'stop' {
    this.#stopped = why
    this.#tell()

    return 'stop'
  }

  #tell(): void {
    this.#options.onProgress?.({ redriven: this.#redriven, kept: this.#kept, stopped: this.#stopped })
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
  const perMs = parseDuration(per)
  if (Number.isSafeInteger(limit) && limit > 0 && perMs !== undefined && perMs > 0) return new Rate({ limit, perMs }, runtime)

  throw new WaybillError('RATE', `The rate of a redrive is { limit, per }, a whole number above zero and a duration such as "1s"; found ${JSON.stringify({ limit, per })}.`)
}
