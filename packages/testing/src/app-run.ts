import { type App, type AppOptions, createApp, type ListenCall, type Middleware, type Outgoing, type Transport } from '@waybill/core'
import type { BrokerFaults } from './broker-faults.js'
import { FaultyTransport } from './faulty-transport.js'
import { Life, lives } from './life.js'
import type { Stage } from './stage.js'

export interface AppRunOptions {
  readonly stage: Stage
  readonly faults: BrokerFaults
  readonly transport: Transport
  readonly app: Omit<AppOptions, 'transport' | 'transports' | 'runtime' | 'signals'>
  readonly stored: (outgoing: Outgoing) => void
}

/** One run of the services, from start to stop or crash. */
export class AppRun {
  readonly app: App
  readonly #life: Life
  readonly #options: AppRunOptions
  readonly #transport: FaultyTransport
  readonly #running = new Set<object>()
  #starting = false
  #publishing = 0

  constructor(options: AppRunOptions) {
    const { stage, faults, transport, app, stored } = options
    this.#options = options
    this.#life = new Life(stage.runtime)
    this.#transport = new FaultyTransport({ inner: transport, life: this.#life, faults, stored, note: (what) => this.#note(what) })
    // A plugin's stands outside of the app's own and is not counted among them.
    const plugins = [...(app.plugins ?? []), { name: 'harness', middleware: this.#middleware() }]
    this.app = createApp({ ...app, plugins, transport: this.#transport, runtime: this.#life, signals: false })
  }

  get isStarting(): boolean {
    return this.#starting
  }

  /** It waits for a confirm, a reply or a connection, which only time brings. */
  get waitsForTime(): boolean {
    return this.#starting || this.#life.sleeping > 0 || this.open > 0 || !this.app.health().ready
  }

  /** Publishes and queries that have no answer yet. */
  get open(): number {
    return this.#publishing + this.#transport.asked
  }

  async start(): Promise<void> {
    this.#starting = true
    this.#note('starts')
    try {
      await this.app.start()
    } finally {
      this.#starting = false
    }
  }

  async stop(): Promise<void> {
    this.#life.bury()
    await this.app.stop()
    for (const run of this.#running) this.#end(run)
  }

  crash(): void {
    if (this.#life.isOver) return
    this.#note('crashes')
    this.#life.end()
    for (const run of this.#running) this.#end(run)
    void this.#options.transport.close(0)
    for (const { store } of this.#options.app.plugins ?? []) void store?.close(0)
  }

  #middleware(): Middleware {
    return {
      listen: (call, next) => lives.run(this.#life, () => this.#listen(call, next)),
      publish: (_call, next) => {
        this.#publishing++

        return next().finally(() => this.#publishing--)
      },
    }
  }

  /** A dead process neither begins nor ends anything: its listeners wait for ever. */
  async #listen(call: ListenCall, next: () => Promise<unknown>): Promise<unknown> {
    const { faults } = this.#options
    const name = nameOf(call.message)
    const { id, attempt } = call.delivery
    if (this.#life.isOver) return forever()
    const crash = faults.crashAt('before listener', name)
    if (crash) return end(crash)

    this.#note(`${call.listener} begins ${name} ${id}, try ${attempt}`)
    const run = this.#begin(call.delivery.signal)
    try {
      const value = await next()
      this.#noteEnd(`${call.listener} ends ${name} ${id}`)
      const crashAfter = faults.crashAt('after listener', name)
      if (crashAfter && !this.#life.isOver) return end(crashAfter)

      return this.#life.isOver ? forever() : value
    } catch (error) {
      this.#noteEnd(`${call.listener} fails with ${name} ${id}: ${error instanceof Error ? error.message : String(error)}`)
      if (this.#life.isOver) return forever()
      throw error
    } finally {
      this.#end(run)
    }
  }

  /** A listener whose time is up runs no more, whatever it does. */
  #begin(signal: AbortSignal): object {
    const run = {}
    this.#running.add(run)
    this.#options.stage.workload.begin(run)
    signal.addEventListener('abort', () => this.#end(run), { once: true })

    return run
  }

  #end(run: object): void {
    if (this.#running.delete(run)) this.#options.stage.workload.end(run)
  }

  #noteEnd(what: string): void {
    if (!this.#life.isOver) this.#note(what)
  }

  #note(what: string): void {
    this.#options.stage.journal.note(this.#options.app.name, what)
  }
}

function end(crash: () => void): Promise<never> {
  crash()

  return forever()
}

function forever(): Promise<never> {
  return new Promise(() => undefined)
}

function nameOf(message: unknown): string {
  const first: unknown = Array.isArray(message) ? message[0] : message
  const type = typeof first === 'object' && first !== null ? (first.constructor as { readonly messageName?: unknown }) : undefined

  return typeof type?.messageName === 'string' ? type.messageName : 'a raw message'
}
