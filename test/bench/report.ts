import type { Series } from './rounds.js'
import type { RoundResult } from './stage.js'
import { type Spread, median, pairedRatio, spreadOf } from './statistics.js'

/** One line for machines; these names are read by others. */
export interface ResultLine {
  readonly scenario: string
  readonly contender: string
  /** Messages per second. */
  readonly rate: number
  /** Publishing: send to confirm. Latency: send to handled. Receiving one by one: all that is done about it. Consuming has none. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly cpuMicrosPerMessage: number
  readonly rssMb: number
  /** By how much the heap had grown at the end of a round, at most; where that is measured. */
  readonly heapMb?: number
  readonly lost: number
  readonly duplicated: number
  /** What it cannot do here, or not as the others do. */
  readonly remark?: string
}

export function resultLine(scenario: string, series: Series): ResultLine {
  const { rounds, verdict } = series
  const heaps = rounds.flatMap(({ heapMb }) => heapMb ?? [])

  return {
    scenario,
    contender: series.contender,
    rate: Math.round(median(rounds.map(rateOf))),
    p50Ms: latency(rounds, 'p50Ms'),
    p99Ms: latency(rounds, 'p99Ms'),
    cpuMicrosPerMessage: decimals(median(rounds.map(cpuPerMessage)), 2),
    rssMb: decimals(Math.max(...rounds.map((round) => round.rssMb)), 1),
    ...(heaps.length > 0 && { heapMb: decimals(Math.max(...heaps), 1) }),
    lost: verdict.lost,
    duplicated: verdict.duplicated,
    ...(series.remark !== undefined && { remark: series.remark }),
  }
}

export function rateOf({ handled, elapsedMs }: RoundResult): number {
  return (handled / elapsedMs) * 1000
}

const columns = ['contender', 'ratio', '(min–max)', 'of one', '(min–max)', 'rate/s', '(min–max)', 'p50 ms', 'p99 ms', 'CPU µs', 'broker µs', 'RSS MB', 'heap + MB', 'lost', 'dup.']

/**
 * A table for people. The ratio is to `raw`, round by round; of a latency scenario it compares the p99, so less is better.
 * `of one` is the same to the contender whose name it extends: `waybill-1000` to `waybill`, `raw-1000` to `raw`.
 * Below it stands what has to be known: sends that were refused, remarks, and those that do not play.
 */
export function table(scenario: string, all: readonly Series[], isLatency: boolean, absent: readonly Absent[] = []): string {
  const raw = all.find((series) => series.contender === 'raw')
  const oneOf = ({ contender }: Series) => all.find((other) => contender.startsWith(`${other.contender}-`))
  const rows = [columns, ...all.map((series) => row(scenario, series, { raw, one: oneOf(series) }, isLatency))]
  const widths = columns.map((_, at) => Math.max(...rows.map((cells) => cells[at]?.length ?? 0)))
  const lines = rows.map((cells) => cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  '))
  const errors = all.filter((series) => series.error).map((series) => `${series.contender}: a send was refused: ${series.error}`)
  const remarks = all.filter((series) => series.remark).map((series) => `${series.contender}: ${series.remark}`)
  const absences = absent.map(({ contender, remark }) => `${contender} does not play${remark === undefined ? '' : `: ${remark}`}`)

  return [`${scenario}${isLatency ? ' (ratio of p99)' : ''}`, ...lines, ...errors, ...remarks, ...absences].map((line, at) => (at === 0 ? line : `  ${line}`)).join('\n')
}

/** A contender that was asked for and has not what the scenario needs. */
export interface Absent {
  readonly contender: string
  readonly remark: string | undefined
}

interface Bases {
  readonly raw: Series | undefined
  readonly one: Series | undefined
}

function row(scenario: string, series: Series, { raw, one }: Bases, isLatency: boolean): string[] {
  const line = resultLine(scenario, series)
  const measure = isLatency ? (round: RoundResult) => round.p99Ms ?? Number.NaN : rateOf
  const ratioTo = (base: Series | undefined) => (base ? ratioCells(pairedRatio(series.rounds.map(measure), base.rounds.map(measure))) : ['', ''])
  const rate = spreadOf(series.rounds.map(rateOf))

  return [
    line.contender,
    ...ratioTo(raw),
    ...ratioTo(one),
    rate.median.toFixed(0),
    range(rate, 0),
    milliseconds(line.p50Ms),
    milliseconds(line.p99Ms),
    line.cpuMicrosPerMessage.toFixed(1),
    brokerCpu(series.rounds),
    line.rssMb.toFixed(0),
    line.heapMb?.toFixed(1) ?? '',
    String(line.lost),
    String(line.duplicated),
  ]
}

function ratioCells(ratio: Spread): readonly [string, string] {
  return [ratio.median.toFixed(2), range(ratio, 2)]
}

function range({ min, max }: Spread, digits: number): string {
  return `(${min.toFixed(digits)}–${max.toFixed(digits)})`
}

/** Of microseconds more than zero is to be seen. */
function milliseconds(value: number | null): string {
  return value?.toFixed(value < 0.1 ? 4 : 2) ?? ''
}

function cpuPerMessage({ cpuMicros, handled }: RoundResult): number {
  return cpuMicros / handled
}

function brokerCpu(rounds: readonly RoundResult[]): string {
  const values = rounds.flatMap(({ brokerCpuMicros, handled }) => (brokerCpuMicros === undefined ? [] : [brokerCpuMicros / handled]))

  return values.length === 0 ? '' : median(values).toFixed(1)
}

function latency(rounds: readonly RoundResult[], field: 'p50Ms' | 'p99Ms'): number | null {
  const values = rounds.flatMap((round) => round[field] ?? [])

  return values.length === 0 ? null : decimals(median(values), 4)
}

function decimals(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
