import type { Runtime } from '@waybill/core'

/** Something with work for the end of the turn. It is asked once, however often it was put on the list. */
export interface Task {
  run(): void
}

/**
 * Gathers the work of one turn and does it at its end, in one go: confirms and routing first, then a batch of deliveries for each
 * channel. What a callback begins meanwhile belongs to the next turn, so a loop of messages never keeps the process from its I/O.
 */
export class Turn {
  #tasks = new Set<Task>()
  #deliveries = new Set<Task>()
  #runtime: Runtime | undefined
  /** Writes down what was done so far, before anybody is told. */
  #journal: Task | undefined
  #isScheduled = false

  use(runtime: Runtime): void {
    this.#runtime = runtime
    if (this.#tasks.size > 0) this.#schedule()
  }

  writeFirst(journal: Task | undefined): void {
    this.#journal = journal
  }

  atEnd(task: Task): void {
    this.#tasks.add(task)
    if (!this.#isScheduled) this.#schedule()
  }

  /** For work that `run` of a task makes: done after all tasks of this turn. */
  deliver(task: Task): void {
    this.#deliveries.add(task)
  }

  #schedule(): void {
    if (this.#runtime === undefined) return
    this.#isScheduled = true
    this.#runtime.soon(() => this.#run())
  }

  #run(): void {
    this.#isScheduled = false
    this.#journal?.run()
    const tasks = this.#tasks
    this.#tasks = new Set()
    for (const task of tasks) task.run()
    this.#journal?.run()
    const deliveries = this.#deliveries
    this.#deliveries = new Set()
    for (const task of deliveries) task.run()
  }
}
