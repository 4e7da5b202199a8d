import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Answer, Measurement, Task } from './worker.js'

const program = fileURLToPath(new URL('./worker.js', import.meta.url))

/** A contender in a process of its own. */
export class WorkerProcess {
  readonly #child: ChildProcess
  readonly #label: string
  readonly #ended: Promise<void>
  #pending: { resolve(measurement: Measurement | undefined): void; reject(error: Error): void } | undefined

  private constructor(file: string, label: string, execArgv: readonly string[]) {
    this.#label = label
    this.#child = fork(program, [file], { execArgv: [...execArgv], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#child.on('message', (answer: Answer) => this.#take(answer))
    this.#child.on('exit', (code, signal) => this.#fail(`its process ended with ${signal ?? `code ${code}`}`))
    this.#ended = new Promise((resolve) => this.#child.once('exit', () => resolve()))
    this.#child.on('error', (error) => this.#fail(error.message))
  }

  /** Resolves when the contender's file is loaded. `execArgv` are node's own options, `--cpu-prof` for one. */
  static async start(file: string, label: string, execArgv: readonly string[]): Promise<WorkerProcess> {
    const worker = new WorkerProcess(file, label, execArgv)
    await worker.#answer()

    return worker
  }

  async perform(task: Task): Promise<Measurement | undefined> {
    const answer = this.#answer()
    this.#child.send(task)

    return await answer
  }

  /** Lets the process end by itself; resolves when it has. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    await this.#ended
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  #answer(): Promise<Measurement | undefined> {
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject }
    })
  }

  #take(answer: Answer): void {
    if (answer.kind === 'failed') return this.#fail(answer.reason)

    this.#pending?.resolve(answer.kind === 'done' ? answer.measurement : undefined)
    this.#pending = undefined
  }

  #fail(reason: string): void {
    this.#pending?.reject(new Error(`Contender ${this.#label}: ${reason}`))
    this.#pending = undefined
  }
}
