import { durationOf, faultOfDuration } from './option.js'
import { WaybillError } from './error.js'
import { type Complain, type Fault, suggest, unknownOptions } from './fault.js'
import { describeFound, isRecord, nameOf } from './found.js'
import type { Isolation } from './store.js'
import { tieOf } from './tie.js'
import { defaultTransaction, type ResolvedTransaction } from './transactions.js'

/** How a method runs in a transaction. */
export interface TransactionOptions {
  /** `required` joins the one around it or opens one, `new` opens one of its own, `never` refuses to run in one. Default: `required`. */
  readonly propagation?: 'required' | 'new' | 'never'
  /** Default: the store's. */
  readonly isolation?: Isolation
  /** Nothing can be written or published. */
  readonly readOnly?: true
  /** After which it is rolled back. Default: 60 s; within a listener, that listener's. */
  readonly timeout?: `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`
  /** How often the method runs at most when another transaction is in its way. Default: 5. */
  readonly attempts?: number
}

type Action = (this: object, ...args: unknown[]) => unknown

interface Wrapped {
  readonly method: Action
  readonly key: string | symbol
  readonly options: unknown
}

const wrapped = new WeakMap<Action, Wrapped>()

/** The method in a transaction of its instance's app. On an instance that no app made it just runs. */
export function transactional(method: Action, key: string | symbol, options: unknown): Action {
  const { settings } = resolveTransaction('', options)
  const action = async function (this: object, ...args: unknown[]): Promise<unknown> {
    const ties = tieOf(this)
    if (!ties) return method.apply(this, args)

    const label = `${nameOf(this.constructor)}.${String(key)}`
    const state = ties.state()
    if (state === 'new') throw new WaybillError('NOT_STARTED', `${label} runs in a transaction, but its app has not started. Await app.start() before calling it.`)
    if (state === 'stopped') throw new WaybillError('STOPPED', `${label} runs in a transaction, but its app has stopped. Nothing was run. Call it before app.stop().`)

    return await ties.transact(label, settings, () => Promise.resolve(method.apply(this, args)))
  }
  const named = Object.defineProperties(action, { name: { value: method.name }, length: { value: method.length } })
  wrapped.set(named, { method, key, options })

  return named
}

/** Puts something around a method, but within its transaction where it has one: which decorator stands above the other does not matter. */
export function withinTransaction(method: Action, around: (inner: Action) => Action): Action {
  const inner = wrapped.get(method)

  return inner ? transactional(around(inner.method), inner.key, inner.options) : around(method)
}

/** Every default filled in, every fault found. */
export function resolveTransaction(title: string, options: unknown): { readonly settings: ResolvedTransaction; readonly faults: readonly Fault[] } {
  if (options === undefined) return { settings: defaultTransaction, faults: [] }
  const faults: Fault[] = []
  const complain: Complain = (code, message) => void faults.push({ code, message: `${title}: ${message}` })
  if (!isRecord(options)) {
    complain('TRANSACTION_OPTIONS', `@Transactional takes an object of options; found ${describeFound(options)}.`)

    return { settings: defaultTransaction, faults }
  }
  faults.push(...unknownOptions(`${title}: @Transactional`, options, ['propagation', 'isolation', 'readOnly', 'timeout', 'attempts']))
  const { attempts = defaultTransaction.attempts, timeout, readOnly } = options
  const timeoutMs = timeout === undefined ? defaultTransaction.timeoutMs : durationOf(timeout)
  if (timeoutMs === undefined) complain('DURATION', faultOfDuration('timeout', timeout))
  if (!Number.isSafeInteger(attempts) || Number(attempts) < 1) complain('NUMBER', `"attempts" is a whole number above zero; found ${describeFound(attempts)}.`)
  if (readOnly !== undefined && typeof readOnly !== 'boolean') complain('TRANSACTION_OPTIONS', `"readOnly" is true or left out; found ${describeFound(readOnly)}.`)
  const settings = {
    propagation: oneOf('propagation', options.propagation, ['required', 'new', 'never'] as const, complain) ?? 'required',
    isolation: oneOf('isolation', options.isolation, ['read committed', 'repeatable read', 'serializable'] as const, complain),
    readOnly: readOnly === true,
    timeoutMs: timeoutMs ?? defaultTransaction.timeoutMs,
    attempts: Number(attempts),
  }

  return { settings: Object.freeze(settings), faults }
}

function oneOf<const T extends string>(name: string, given: unknown, words: readonly T[], complain: Complain): T | undefined {
  const found = words.find((word) => word === given)
  if (found === undefined && given !== undefined)
    complain(
      'TRANSACTION_OPTIONS',
      `"${name}" is one of ${words.map((word) => `"${word}"`).join(', ')}; found ${describeFound(given)}.${typeof given === 'string' ? suggest(given, words) : ''}`,
    )

  return found
}
