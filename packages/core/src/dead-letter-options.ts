import type { DeadLetterFilter } from './dead-message.js'
import { ConfigError } from './error.js'
import { type Complain, type Fault, unknownOptions } from './fault.js'
import { describeFound, isRecord } from './found.js'
import { durationOf, numberOption, type Options } from './option.js'
import type { RedriveOptions } from './redrive.js'

const filters = Object.keys({ ids: true, reason: true, name: true, key: true } satisfies Record<keyof DeadLetterFilter, true>)
const redrives = Object.keys({ ids: true, reason: true, name: true, key: true, limit: true, rate: true, onProgress: true, signal: true } satisfies Record<
  keyof RedriveOptions,
  true
>)

type Verb = 'list' | 'show' | 'redrive' | 'edit' | 'discard'

/** What a verb of the dead letters takes beside the group and the id. */
const takes: Readonly<Record<Verb, readonly string[]>> = {
  list: [...filters, 'limit'],
  show: ['limit'],
  redrive: redrives,
  edit: ['payload', 'body', 'limit'],
  discard: [...filters, 'because', 'limit'],
}

/** Throws where the options of such a verb are not what they must be: a filter that is mistyped would be none, and mean all of them. */
export function checkDeadLetterOptions(verb: Verb, given: unknown): void {
  const faults = faultsOf(verb, given)
  if (faults.length > 0) throw new ConfigError(faults)
}

export function checkLetterId(verb: Verb, id: unknown): void {
  if (typeof id === 'string' && id !== '') return

  throw new ConfigError([
    { code: 'DEAD_LETTER_OPTION', message: `deadLetters.${verb} takes the id of a letter, a text; found ${describeFound(id)}. deadLetters.list tells the ids.` },
  ])
}

function faultsOf(verb: Verb, given: unknown): readonly Fault[] {
  const owner = `deadLetters.${verb}`
  if (!isRecord(given)) return [{ code: 'DEAD_LETTER_OPTION', message: `${owner} takes an object of options, such as { ids: ['…'] }; found ${describeFound(given)}.` }]

  const faults = unknownOptions(owner, given, takes[verb])
  const fault: Complain = (code, message) => void faults.push({ code, message: `${owner}: ${message}` })
  for (const option of filters) if (option in given && takes[verb].includes(option)) checkFilter(option, given[option], fault)
  numberOption(given, 'limit', fault, { otherwise: 1, min: 1, max: Number.MAX_SAFE_INTEGER })
  if (verb === 'discard') checkBecause(given['because'], fault)
  if (verb === 'redrive') checkRedrive(given, fault)
  if (verb === 'edit') checkEdit(given, fault)

  return faults
}

function checkFilter(option: string, value: unknown, fault: Complain): void {
  if (option === 'ids') {
    const isList = Array.isArray(value) && value.length > 0 && value.every((id) => typeof id === 'string')
    const found = Array.isArray(value) && value.length === 0 ? 'an empty list, which none could be of' : describeFound(value)
    if (!isList) fault('DEAD_LETTER_OPTION', `\`ids\` is a list of ids, such as ['…']; found ${found}. Leave it out for those of any id.`)
  } else if (typeof value !== 'string' || value === '')
    fault('DEAD_LETTER_OPTION', `\`${option}\` is a text that is not empty; found ${describeFound(value)}. Leave it out for those of any ${option}.`)
}

function checkBecause(because: unknown, fault: Complain): void {
  if (typeof because !== 'string' || because.trim() === '')
    fault('DEAD_LETTER_OPTION', `\`because\` says why they are forgotten, for the log; found ${describeFound(because)}. Give a reason that is not empty.`)
}

/** With neither it would be the same letter again, and with both nobody could tell which of them was sent. */
function checkEdit({ payload, body }: Options, fault: Complain): void {
  if ((payload === undefined) === (body === undefined))
    fault(
      'DEAD_LETTER_OPTION',
      `one of \`payload\` and \`body\` says what the letter is to carry; found ${payload === undefined ? 'neither' : 'both'}. To send it as it is, redrive it.`,
    )
  if (body !== undefined && !(body instanceof Uint8Array)) fault('DEAD_LETTER_OPTION', `\`body\` is bytes, such as Buffer.from('…'); found ${describeFound(body)}.`)
}

function checkRedrive({ rate, onProgress, signal }: Options, fault: Complain): void {
  if (onProgress !== undefined && typeof onProgress !== 'function') fault('DEAD_LETTER_OPTION', `\`onProgress\` is a function; found ${describeFound(onProgress)}.`)
  if (signal !== undefined && !(signal instanceof AbortSignal)) fault('DEAD_LETTER_OPTION', `\`signal\` is that of an AbortController; found ${describeFound(signal)}.`)
  if (isRecord(rate)) for (const { code, message } of unknownOptions('`rate`', rate, ['limit', 'per'])) fault(code, message)
  const isRate = isRecord(rate) && Number.isSafeInteger(rate['limit']) && Number(rate['limit']) > 0 && durationOf(rate['per']) !== undefined
  if (rate !== undefined && !isRate)
    fault('RATE', `\`rate\` is { limit, per }, a whole number above zero and a duration such as "1s"; found ${isRecord(rate) ? JSON.stringify(rate) : describeFound(rate)}.`)
}
