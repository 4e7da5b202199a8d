import type { Series } from './rounds.js'
import type { RoundResult } from './stage.js'
import { type Spread, median, pairedRatio, spreadOf } from './statistics.js'

/** One line for machines; these names are read by others. */
export interface ResultLine {
  readonly scenario: string
  readonly contender: string
  /** Messages per second. Who lost messages is not ranked: this, the latencies and the CPU are null. */
  readonly rate: number | null
  /** Publishing: send to confirm. Latency: send to handled. Receiving one by one: all that is done about it. Consuming has none. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly cpuMicrosPerMessage: number | null
  readonly rssMb: number
  /** By how much the heap had grown at the end of a round, at most; where that is measured. */
  readonly heapMb?: number
  readonly lost: number
  readonly duplicated: number
}

export function resultLine(scenario: string, series: Series): ResultLine {
  const { rounds, verdict } = series
  const heaps = rounds.flatMap(({ heapMb }) => heapMb ?? [])

  return {
    scenario,
    contender: series.contender,
    ...(isRanked(series) ? figures(rounds) : { rate: null, p50Ms: null, p99Ms: null, cpuMicrosPerMessage: null }),
    rssMb: decimals(Math.max(...rounds.map((round) => round.rssMb)), 1),
    ...(heaps.length > 0 && { heapMb: decimals(Math.max(...heaps), 1) }),
    lost: verdict.lost,
    duplicated: verdict.duplicated,
  }
}

function figures(rounds: readonly RoundResult[]): Pick<ResultLine, 'rate' | 'p50Ms' | 'p99Ms' | 'cpuMicrosPerMessage'> {
  return {
    rate: Math.round(median(rounds.map(rateOf))),
    p50Ms: latency(rounds, 'p50Ms'),
    p99Ms: latency(rounds, 'p99Ms'),
    cpuMicrosPerMessage: decimals(median(rounds.map(cpuPerMessage)), 2),
  }
}

/** Who does less than all of the work has no speed to compare. */
function isRanked({ verdict }: Series): boolean {
  return verdict.lost === 0
}

/** A sentence for each contender that lost or doubled messages. */
export function failuresOf(scenario: string, all: readonly Series[]): readonly string[] {
  const failed = all.filter(({ verdict }) => verdict.lost + verdict.duplicated > 0)

  return failed.map(({ contender, verdict }) => `${contender} in ${scenario} lost ${verdict.lost} and doubled ${verdict.duplicated}`)
}

/** One round, for the eye: its rate, and what went wrong. */
export function roundOf(result: RoundResult): string {
  const { verdict, errors } = result
  const { lost, duplicated } = verdict
  const faults = lost + duplicated + errors.count === 0 ? '' : `, lost ${lost}, duplicated ${duplicated}, refused ${errors.count}`

  return `${lost > 0 ? 'no rate' : `${rateOf(result).toFixed(0)}/s`}${faults}`
}

export function rateOf({ handled, elapsedMs }: RoundResult): number {
  return (handled / elapsedMs) * 1000
}

const columns = ['contender', 'ratio', '(min–max)', 'of one', '(min–max)', 'rate/s', '(min–max)', 'p50 ms', 'p99 ms', 'CPU µs', 'broker µs', 'RSS MB', 'heap + MB', 'lost', 'dup.']

/**
 * A table for people. The ratio is to `raw`, round by round; of a latency scenario it compares the p99, so less is better.
 * `of one` is the same to the contender whose name it extends: `waybill-1000` to `waybill`, `raw-1000` to `raw`.
 */
export function table(scenario: string, all: readonly Series[], isLatency: boolean): string {
  const ranked = all.filter(isRanked)
  const raw = ranked.find((series) => series.contender === 'raw')
  const oneOf = ({ contender }: Series) => ranked.find((other) => contender.startsWith(`${other.contender}-`))
  const rows = [columns, ...all.map((series) => row(scenario, series, { raw, one: oneOf(series) }, isLatency))]
  const widths = columns.map((_, at) => Math.max(...rows.map((cells) => cells[at]?.length ?? 0)))
  const lines = rows.map((cells) => cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  '))
  const errors = all.filter((series) => series.error).map((series) => `${series.contender}: a send was refused: ${series.error}`)

  return [`${scenario}${isLatency ? ' (ratio of p99)' : ''}`, ...lines, ...errors].map((line, at) => (at === 0 ? line : `  ${line}`)).join('\n')
}

interface Bases {
  readonly raw: Series | undefined
  readonly one: Series | undefined
}

function row(scenario: string, series: Series, { raw, one }: Bases, isLatency: boolean): string[] {
  const line = resultLine(scenario, series)
  const rest = [line.rssMb.toFixed(0), line.heapMb?.toFixed(1) ?? '', String(line.lost), String(line.duplicated)]
  if (!isRanked(series)) return [line.contender, '', '', '', '', 'not ranked', '', '', '', '', '', ...rest]
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
    (line.cpuMicrosPerMessage ?? Number.NaN).toFixed(1),
    brokerCpu(series.rounds),
    ...rest,
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
