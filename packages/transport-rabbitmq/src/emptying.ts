import { countOf, type Runtime, WaybillError } from '@waybill/core'
import { type SweepParts, swept } from './sweep.js'
import { stateOf } from './tidying.js'
import type { QueueState } from './unused.js'

const periodMs = 100
const [firstPauseMs, longestPauseMs] = [1_000, 60_000]

export interface EmptyingParts extends SweepParts {
  /** The step that waits for it. */
  readonly what: string
  readonly told: (waiting: number) => Promise<void>
  /** After so long without any change it is given up. */
  readonly patienceMs: number
  /** Who takes from the queue, for people; none where that cannot be known. */
  readonly holders: () => Promise<readonly string[]>
}

/**
 * Deletes a queue as soon as nobody has anything of it in hand, and nothing is in it that came before the signpost.
 * Rejects with `MIGRATION_STALLED` where nothing changes any more.
 */
export async function emptied(parts: EmptyingParts): Promise<void> {
  const { model, patienceMs, queue, runtime, told } = parts
  const looks = new Looks(runtime)
  for (;;) {
    const state = await stateOf(model, queue)
    await told(state?.messages ?? 0)
    if (!state) return
    looks.see(state)
    if (looks.isSweepDue) {
      if (await swept(parts)) return
      looks.sweptInVain()
    }
    if (looks.stillForMs >= patienceMs) throw await stalled(parts, state)
    await new Promise<void>((resolve) => void runtime.after(periodMs, resolve))
  }
}

/** What was seen of a queue, look by look. A consumer may come and leave between two of them. */
class Looks {
  readonly #runtime: Runtime
  #last: QueueState | undefined
  #changedAt = 0
  #dueAt = 0
  #pauseMs = firstPauseMs

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  see(state: QueueState): void {
    if (this.#last?.consumers === state.consumers && this.#last.messages === state.messages) return
    this.#last = state
    this.#changedAt = this.#dueAt = this.#runtime.elapsed()
    this.#pauseMs = firstPauseMs
  }

  get isSweepDue(): boolean {
    return this.#last?.consumers === 0 && this.#runtime.elapsed() >= this.#dueAt
  }

  sweptInVain(): void {
    this.#dueAt = this.#runtime.elapsed() + this.#pauseMs
    this.#pauseMs = Math.min(longestPauseMs, 2 * this.#pauseMs)
  }

  get stillForMs(): number {
    return this.#runtime.elapsed() - this.#changedAt
  }
}

async function stalled({ holders, patienceMs, queue, what }: EmptyingParts, { consumers, messages }: QueueState): Promise<WaybillError> {
  const names = consumers === 0 ? [] : await holders()
  const reason =
    consumers === 0
      ? 'nobody takes from it. Messages with a key have to be taken in their order, so start a process with a listener of its group, with `declare: "none"` if it refuses to start now, and with the former number where `partitions` change'
      : `${consumers === 1 ? 'a consumer stays' : `${consumers} consumers stay`}${names.length === 0 ? '' : ` (${names.join(', ')})`}. Either its handler still runs, or it knows nothing of moves because it is not of Waybill: let it finish, or end it`

  return new WaybillError(
    'MIGRATION_STALLED',
    `The move of messages out of queue "${queue}" stands still: ${what}, but for ${patienceMs / 1_000} s nothing has changed. ${countOf(messages, 'message waits', 'messages wait')} in it and ${reason}. ` +
      'Then call `app.topology.migrate()` again: it goes on where it stood. Until then the consumers of that queue wait.',
  )
}
