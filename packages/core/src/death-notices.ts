import type { Letter } from './dead-letter.js'
import type { GroupAddress } from './transport.js'

type Buried = (of: GroupAddress, id: string) => void
type OfKey = (of: GroupAddress, key: string, letter: Letter) => void

/** What an app does with dead letters, for its own parts: a redrive hears of new ones, a parked key of those that are gone. */
export class DeathNotices {
  readonly #buried = new Set<Buried>()
  readonly #discarded = new Set<OfKey>()
  readonly #redriven = new Set<OfKey>()

  /** Told the id of each message that was buried. Returns the end of the watch. */
  onBuried(notice: Buried): () => void {
    this.#buried.add(notice)

    return () => void this.#buried.delete(notice)
  }

  /** Told each letter with a key that was discarded, and its key. */
  onDiscarded(notice: OfKey): () => void {
    this.#discarded.add(notice)

    return () => void this.#discarded.delete(notice)
  }

  /** Told each letter with a key that is about to be sent to its group again, and its key. */
  onRedriven(notice: OfKey): () => void {
    this.#redriven.add(notice)

    return () => void this.#redriven.delete(notice)
  }

  buried(of: GroupAddress, id: string): void {
    for (const notice of this.#buried) notice(of, id)
  }

  discarded(of: GroupAddress, key: string, letter: Letter): void {
    for (const notice of this.#discarded) notice(of, key, letter)
  }

  redriven(of: GroupAddress, key: string, letter: Letter): void {
    for (const notice of this.#redriven) notice(of, key, letter)
  }
}
