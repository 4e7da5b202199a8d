import type { GroupAddress } from './transport.js'

type Notice = (of: GroupAddress, text: string) => void

/** What an app does with dead letters, for its own parts: a redrive hears of new ones, a parked key of those that are gone. */
export class DeathNotices {
  readonly #buried = new Set<Notice>()
  readonly #discarded = new Set<Notice>()

  /** Told the id of each message that was buried. Returns the end of the watch. */
  onBuried(notice: Notice): () => void {
    this.#buried.add(notice)

    return () => void this.#buried.delete(notice)
  }

  /** Told the key of each letter that was discarded, where it has one. */
  onDiscarded(notice: Notice): () => void {
    this.#discarded.add(notice)

    return () => void this.#discarded.delete(notice)
  }

  buried(of: GroupAddress, id: string): void {
    for (const notice of this.#buried) notice(of, id)
  }

  discarded(of: GroupAddress, key: string): void {
    for (const notice of this.#discarded) notice(of, key)
  }
}
