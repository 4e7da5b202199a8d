import { type Complain, type Fault, unknownOptions } from './fault.js'
import { describeFound, isRecord } from './found.js'
import { durationOption, numberOption, type Options } from './option.js'
import type { ResolvedListenerOptions } from './plan.js'
import { resolveRetry } from './retry-options.js'

const known = ['group', 'concurrency', 'timeout', 'retry', 'rate', 'transaction', 'deadKey', 'batch', 'settle']

const defaultConcurrency = 10
const defaultTimeoutMs = 60_000
const defaultBatchWaitMs = 100

/** A listener's options with every default, in milliseconds, and everything that is wrong with them. `label` is for people: `Stock.reserve`. */
export function resolveListenerOptions(label: string, given: unknown): { readonly options: ResolvedListenerOptions; readonly faults: readonly Fault[] } {
  const faults: Fault[] = []
  const fault: Complain = (code, message) => void faults.push({ code, message: `${label}: ${message}` })
  if (!isRecord(given) && given !== undefined) fault('LISTENER_OPTIONS', `its options are an object; found ${describeFound(given)}.`)
  const options: Options = isRecord(given) ? given : {}
  faults.push(...unknownOptions(label, options, known))
  checkMode(options, fault)

  return {
    options: Object.freeze({
      concurrency: resolveConcurrency(options.concurrency, fault),
      timeoutMs: durationOption(options, 'timeout', fault, { otherwise: defaultTimeoutMs }),
      retry: resolveRetry(options.retry, fault),
      rate: resolveRate(options.rate, fault),
      transaction: resolveTransaction(options.transaction, fault),
      deadKey: resolveDeadKey(options.deadKey, fault),
      batch: resolveBatch(options.batch, fault),
    }),
    faults,
  }
}

function resolveConcurrency(given: unknown, fault: Complain): ResolvedListenerOptions['concurrency'] {
  if (given === undefined) return { min: defaultConcurrency, max: defaultConcurrency }
  const range: readonly unknown[] = Array.isArray(given) ? given : [given, given]
  const [min, max] = range
  if (range.length === 2 && isCount(min) && isCount(max) && min <= max) return { min, max }
  fault(
    'CONCURRENCY',
    `\`concurrency\` is a whole number from 1 to ${maxCount}, or two of them, [min, max]; found ${Array.isArray(given) ? `[${given.map(describeFound).join(', ')}]` : describeFound(given)}.`,
  )

  return { min: defaultConcurrency, max: defaultConcurrency }
}

const maxCount = 10_000

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= maxCount
}

function resolveRate(given: unknown, fault: Complain): ResolvedListenerOptions['rate'] {
  if (given === undefined) return undefined
  if (!isRecord(given)) {
    fault('RATE', `\`rate\` is { limit, per }; found ${describeFound(given)}. Write rate: { limit: 10, per: '1s' }.`)

    return undefined
  }
  for (const { code, message } of unknownOptions('`rate`', given, ['limit', 'per', 'by'])) fault(code, message)
  if (given.by !== undefined && (typeof given.by !== 'string' || given.by === ''))
    fault('RATE', `\`rate.by\` is the name of a field of the payload; found ${describeFound(given.by)}.`)

  return {
    limit: numberOption(given, 'limit', fault, { of: 'rate', min: 1, max: 1_000_000, otherwise: 1, required: true }),
    perMs: durationOption(given, 'per', fault, { of: 'rate', otherwise: 1_000, required: true }),
    by: typeof given.by === 'string' ? given.by : undefined,
  }
}

function resolveTransaction(given: unknown, fault: Complain): boolean {
  if (given !== undefined && given !== false)
    fault('TRANSACTION', `\`transaction\` is false or left out; found ${describeFound(given)}. With a store installed a listener is transactional by itself.`)

  return given !== false
}

function resolveDeadKey(given: unknown, fault: Complain): 'park' | 'go on' {
  if (given === 'park') return 'park'
  if (given !== undefined && given !== 'go on') fault('DEAD_KEY', `\`deadKey\` is "park" or "go on"; found ${describeFound(given)}.`)

  return 'go on'
}

function resolveBatch(given: unknown, fault: Complain): ResolvedListenerOptions['batch'] {
  if (given === undefined) return undefined
  if (!isRecord(given)) {
    fault('BATCH', `\`batch\` is { size, wait }; found ${describeFound(given)}. Write batch: { size: 100, wait: '50ms' }.`)

    return undefined
  }
  for (const { code, message } of unknownOptions('`batch`', given, ['size', 'wait'])) fault(code, message)

  return {
    size: numberOption(given, 'size', fault, { of: 'batch', min: 1, max: maxCount, otherwise: 1, required: true }),
    waitMs: durationOption(given, 'wait', fault, { of: 'batch', otherwise: defaultBatchWaitMs }),
  }
}

function checkMode(options: Options, fault: Complain): void {
  if (options.settle !== undefined && options.settle !== 'manual') fault('SETTLE', `\`settle\` is "manual" or left out; found ${describeFound(options.settle)}.`)
  if (options.settle === 'manual' && options.batch !== undefined)
    fault(
      'SETTLE',
      "`settle: 'manual'` and `batch` exclude each other: an item of a batch is settled by what the method does. Remove one of them; `item.fail(error)` marks a single item.",
    )
}
