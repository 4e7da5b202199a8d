import { type App, type AppOptions, countOf, createApp } from '@waybill/core'
import { memory, memoryBroker, type MemoryBroker } from '@waybill/transport-memory'
import { Journal } from './journal.js'
import { type VirtualRuntime, virtualRuntime } from './virtual-runtime.js'
import { Workload } from './workload.js'

/** An app on the stage, as the others see it. */
export interface Player {
  /** It waits for something that only the clock brings: a confirm, a reply, a connection. */
  readonly waitsForTime: boolean
  /** What it has not done yet, for people; undefined when it is quiet. */
  readonly unfinished: string | undefined
}

/** What the harnesses beside each other share: one clock, one broker, one journal. */
export class Stage {
  readonly runtime: VirtualRuntime
  readonly broker: MemoryBroker
  readonly journal: Journal
  readonly workload: Workload
  readonly #players = new Set<Player>()
  readonly #strangers = new Map<string, App>()
  #time: Promise<void> = Promise.resolve()

  constructor(seed: number | string, patienceMs: number) {
    this.runtime = virtualRuntime(seed)
    this.broker = memoryBroker({ runtime: this.runtime })
    this.journal = new Journal(this.runtime)
    this.workload = new Workload(patienceMs)
  }

  enter(player: Player): void {
    this.#players.add(player)
  }

  /** The last one to leave takes everything with it. */
  async leave(player: Player): Promise<void> {
    this.#players.delete(player)
    if (this.#players.size === 0) await this.drive(Promise.all([...this.#strangers.values()].map((stranger) => stranger.stop())))
  }

  /** Who sends what a test sends: an app that the faults of the services do not touch. */
  strangerFor({ namespace, channels = {} }: Pick<AppOptions, 'namespace' | 'channels'>): App {
    const kind = JSON.stringify([namespace, channels])
    const known = this.#strangers.get(kind)
    if (known) return known
    const made = createApp({
      name: 'test',
      services: [],
      channels,
      transport: memory({ broker: this.broker }),
      runtime: this.runtime,
      signals: false,
      log: false,
      ...(namespace === undefined ? {} : { namespace }),
    })
    this.#strangers.set(kind, made)

    return made
  }

  /** Everybody who sends is there. */
  async open(): Promise<void> {
    const started = Promise.all([...this.#strangers.values()].map((stranger) => stranger.start()))
    started.catch(() => undefined)
    await this.quiet()
  }

  /** Lets time pass until it is done. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let isOver = false
    const end = (): void => {
      isOver = true
    }
    work.then(end, end)
    await this.until(() => isOver, longestMs)

    return work
  }

  /** Everything that this moment holds is done. */
  quiet(): Promise<void> {
    return this.#quietAt(0)
  }

  async advance(ms: number): Promise<void> {
    await this.quiet()
    await this.#settledAfter(() => this.runtime.advance(ms))
  }

  /** Lets time pass, from timer to timer, until it is done. False: `ms` have passed, or nothing will ever happen again. */
  async until(done: () => boolean, ms: number): Promise<boolean> {
    const end = this.runtime.elapsed() + ms
    for (await this.quiet(); !done(); ) {
      const left = end - this.runtime.elapsed()
      const next = this.runtime.nextInMs
      if (left <= 0 || next === undefined) return false
      await this.#quietAt(this.runtime.elapsed() + Math.min(left, next))
    }

    return true
  }

  /** Whether {@link unfinished} has nothing to say; asked at every step of the clock, so what is cheap is asked first. */
  get isFinished(): boolean {
    if (this.workload.size > 0 || this.broker.queues().some(isBusy)) return false
    for (const { unfinished } of this.#players) if (unfinished !== undefined) return false

    return true
  }

  /** Sentences about what is not finished: nothing, where everything is quiet. */
  unfinished(): readonly string[] {
    const places = this.broker
      .queues()
      .filter(isBusy)
      .map(({ name, waiting, delayed, unsettled }) => `Queue "${name}" holds ${waiting + delayed + unsettled}: ${waiting} waiting, ${delayed} delayed, ${unsettled} unsettled.`)
    const players = [...this.#players].flatMap(({ unfinished }) => unfinished ?? [])

    return this.workload.size > 0 ? [...places, ...players, `${countOf(this.workload.size, 'listener runs', 'listeners run')}.`] : [...places, ...players]
  }

  /** Lets time pass up to a moment, if it has not come yet: those who wait for the same one share its coming. */
  #quietAt(moment: number): Promise<void> {
    return this.#settledAfter(() => this.runtime.advance(Math.max(0, moment - this.runtime.elapsed())))
  }

  /** Everything has happened that the time brings. */
  async #settledAfter(pass: () => Promise<void>): Promise<void> {
    await this.#turn(pass)
    while (this.workload.isOpen && !this.#waitsForTime() && (await this.workload.change())) await this.#turn(() => this.runtime.advance(0))
  }

  /** One after another, however many ask at once. */
  #turn(pass: () => Promise<void>): Promise<void> {
    const passed = this.#time.then(pass)
    this.#time = passed.catch(() => undefined)

    return passed
  }

  #waitsForTime(): boolean {
    return [...this.#players].some(({ waitsForTime }) => waitsForTime)
  }
}

const longestMs = 3_600_000

function isBusy({ name, waiting, delayed, unsettled }: ReturnType<MemoryBroker['queues']>[number]): boolean {
  return waiting + delayed + unsettled > 0 && !name.endsWith('.dead')
}
