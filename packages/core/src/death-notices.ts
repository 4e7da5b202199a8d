import type { GroupAddress } from './transport.js'

type Notice = (of: GroupAddress, id: string) => void

/** Tells those who redrive what this app buried meanwhile. */
export class DeathNotices {
  readonly #watching = new Set<Notice>()

  /** Returns the end of the watch. */
  watch(notice: Notice): () => void {
    this.#watching.add(notice)

    return () => void this.#watching.delete(notice)
  }

  tell(of: GroupAddress, id: string): void {
    for (const notice of this.#watching) notice(of, id)
  }
}
