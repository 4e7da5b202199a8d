import type { Broker } from './broker.js'
import type { Contender, Footprint, Room } from './contender.js'
import type { Entrant } from './entrants.js'
import { Ledger, type Verdict } from './ledger.js'
import type { Absent } from './report.js'
import { type Scenario, type Work, fillLoad, labelOf, partitions, prefetch } from './scenario.js'
import { percentiles } from './statistics.js'
import type { Job, Measurement } from './worker.js'
import { WorkerProcess } from './worker-process.js'

export interface RoundResult extends Omit<Measurement, 'verdict'> {
  readonly verdict: Verdict
}

export interface Setting {
  readonly broker: Broker
  readonly brokerPid: number | undefined
  readonly scenario: Scenario
  readonly messages: number
  readonly execArgv: readonly string[]
}

const needs: Partial<Record<Work['kind'], keyof Contender>> = {
  ask: 'openAsker',
  start: 'openGroups',
  drain: 'openRelay',
  relay: 'openRelay',
  'relay-remote': 'openRelay',
  backlog: 'fill',
  handle: 'openHandler',
  steps: 'openSagas',
  timers: 'openTimers',
  lateness: 'openTimers',
}

/** What they did is read back from the database, where there is one. */
const inRows: ReadonlySet<Work['kind']> = new Set(['publish', 'handle', 'steps', 'timers', 'lateness'])

/** Says of a contender that it has not what a scenario asks for, if so. */
export async function absenceOf({ file, name }: Entrant, { work }: Scenario): Promise<Absent | undefined> {
  const contender = (await import(file)) as Contender
  const needed = needs[work.kind]
  if (needed === undefined || contender[needed] !== undefined) return undefined

  return { contender: name, remark: contender.remarks?.[work.kind] }
}

/** One contender in one scenario: its processes, which live through all rounds, and the room of the round under way. */
export class Stage {
  readonly entrant: Entrant
  readonly #setting: Setting
  readonly #contender: Contender
  readonly #worker: WorkerProcess
  /** Fills rooms for a consumer, so that its memory and its compiled code are those of a consumer alone. */
  readonly #filler: WorkerProcess
  #room: Room | undefined

  private constructor(entrant: Entrant, setting: Setting, contender: Contender, processes: readonly [WorkerProcess, WorkerProcess]) {
    this.entrant = entrant
    this.#setting = setting
    this.#contender = contender
    this.#worker = processes[0]
    this.#filler = processes[1]
  }

  static async open(entrant: Entrant, setting: Setting): Promise<Stage> {
    const contender = (await import(entrant.file)) as Contender
    const label = `"${entrant.name}" in ${labelOf(setting.scenario)}`
    const worker = await WorkerProcess.start(entrant.file, label, setting.execArgv)
    const filler = await WorkerProcess.start(entrant.file, label, [])

    return new Stage(entrant, setting, contender, [worker, filler])
  }

  /** Plays one round in a fresh room, checks every id and clears the room. */
  async playRound(): Promise<RoundResult> {
    const { broker, messages, scenario } = this.#setting
    const room = newRoom(broker.url, scenario.work, messages)
    this.#room = room
    await this.#filler.perform({ kind: 'declare', room })
    const measurement = await this.#measure(room)
    const verdict = await this.#judge(room, measurement)
    await this.clear()

    return { ...measurement, verdict }
  }

  /** Removes what the round under way made at the broker. */
  async clear(): Promise<void> {
    if (!this.#room) return
    await this.#setting.broker.clear(this.#room, this.#contender.footprint(this.#room))
    this.#room = undefined
  }

  /** What has to be known of this contender in this scenario. */
  get remark(): string | undefined {
    return this.#contender.remarks?.[this.#setting.scenario.work.kind]
  }

  async close(): Promise<void> {
    await Promise.all([this.#worker.stop(), this.#filler.stop()])
  }

  /** Ends both processes at once, whatever they do. */
  async kill(): Promise<void> {
    await Promise.all([this.#worker.kill(), this.#filler.kill()])
  }

  async #measure(room: Room): Promise<Measurement> {
    const { broker, brokerPid, messages: count, scenario } = this.#setting
    const job = { room, count, brokerPid }
    if (scenario.work.kind === 'consume' || scenario.work.kind === 'drain') await this.#filler.perform({ kind: 'publish', ...job, ...fillLoad(broker.name, count) })
    if (scenario.work.kind === 'relay-remote') return this.#measureRemote(job, scenario.work.perSecond)
    if (scenario.work.kind === 'backlog') await this.#filler.perform({ kind: 'fill', ...job, count: scenario.work.rows })
    if (scenario.work.kind === 'start' && scenario.work.again) await this.#filler.perform({ kind: 'start', ...job })

    return this.#given(await this.#worker.perform({ ...scenario.work, ...job }))
  }

  /** One process writes and another one sends on. */
  async #measureRemote(job: Job, perSecond: number): Promise<Measurement> {
    const both = await Promise.all([this.#filler.perform({ kind: 'write', perSecond, ...job }), this.#worker.perform({ kind: 'heed', ...job })])
    const [written, heeded] = both.map((one) => this.#given(one)) as [Measurement, Measurement]
    const waits = Float64Array.from(heeded.momentsMs ?? [], (confirmed, id) => confirmed - (written.momentsMs?.[id] ?? Number.NaN))

    return { ...heeded, ...percentiles(waits), errors: written.errors }
  }

  #given(measurement: Measurement | undefined): Measurement {
    if (!measurement) throw new Error(`Contender "${this.entrant.name}" answered without a measurement.`)

    return measurement
  }

  async #judge(room: Room, { verdict }: Measurement): Promise<Verdict> {
    const { broker, messages, scenario } = this.#setting
    const footprint: Footprint = this.#contender.footprint(room)
    // What waits behind those that were measured is there still.
    if (verdict && scenario.work.kind === 'backlog') return verdict
    if (verdict) return { lost: verdict.lost, duplicated: verdict.duplicated + Math.max(0, (await broker.leftover(footprint)) - verdict.lost) }

    const ledger = new Ledger(messages)
    if (inRows.has(scenario.work.kind) && broker.rows) await broker.rows(room, ledger)
    else await broker.drain(room, footprint, ledger)

    return ledger.verdict
  }
}

let rooms = 0
const run = `${process.pid.toString(36)}-${Date.now().toString(36)}`

function newRoom(url: string, work: Work, messages: number): Room {
  const keyedMs = work.kind === 'consume' ? work.keyedMs : undefined

  return { id: `bench-${run}-${rooms++}`, url, prefetch, partitions: keyedMs === undefined ? partitions : 1, groups: work.kind === 'start' ? messages : 0, keyedMs }
}
