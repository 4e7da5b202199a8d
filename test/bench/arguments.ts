import { BenchError } from './broker.js'
import { type BrokerName, type Scenario, labelOf, scenarios } from './scenario.js'

export interface BenchOptions {
  readonly broker: BrokerName
  readonly scenarios: readonly Scenario[]
  /** Counted rounds; a warm-up round goes before them. */
  readonly rounds: number
  /** Instead of each scenario's own number. */
  readonly messages: number | undefined
  /** Undefined: all that need no installation of their own. */
  readonly contenders: readonly string[] | undefined
  readonly json: boolean
  /** A folder for the CPU profile of each contender's process. */
  readonly profile: string | undefined
}

const flags = ['--rounds N', '--messages N', '--contenders a,b', '--profile FOLDER', '--json']
const brokers = [...new Set(scenarios.map((scenario) => scenario.broker))]

/** Reads the command line. Everything it does not know is an error that lists what it knows. */
export function parseArguments(argv: readonly string[]): BenchOptions {
  const words: string[] = []
  const values = new Map<string, string>()
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] as string
    if (!argument.startsWith('--')) words.push(argument)
    else at += readFlag(argument, argv[at + 1], values)
  }
  const [broker, ...names] = words

  return {
    broker: readBroker(broker),
    scenarios: readScenarios(readBroker(broker), names),
    rounds: readCount('--rounds', values) ?? 5,
    messages: readCount('--messages', values),
    contenders: values.get('--contenders')?.split(',').filter(Boolean),
    json: values.has('--json'),
    profile: values.get('--profile'),
  }
}

/** Stores a flag; returns how many further arguments it took. */
function readFlag(argument: string, following: string | undefined, values: Map<string, string>): number {
  const [name = '', inline] = argument.split('=', 2)
  const known = flags.find((flag) => flag.split(' ')[0] === name)
  if (!known) throw new BenchError(`Unknown option "${name}". Known: ${flags.join(', ')}.`)
  if (!known.includes(' ')) return values.set(name, ''), 0

  const value = inline ?? following
  if (value === undefined || value.startsWith('--')) throw new BenchError(`Option "${name}" needs a value: ${known}.`)
  values.set(name, value)

  return inline === undefined ? 1 : 0
}

function readBroker(name: string | undefined): BrokerName {
  const broker = brokers.find((known) => known === name)
  if (broker) return broker

  const found = name === undefined ? 'No broker given' : `Unknown broker "${name}"`
  throw new BenchError(`${found}. Known: ${brokers.join(', ')}. Usage: npm run bench -- <${brokers.join('|')}> [scenario…] [${flags.join('] [')}]`)
}

function readScenarios(broker: BrokerName, names: readonly string[]): readonly Scenario[] {
  const known = scenarios.filter((scenario) => scenario.broker === broker)
  const unknown = names.filter((name) => !known.some((scenario) => isCalled(scenario, name)))
  if (unknown.length > 0) throw new BenchError(`Unknown scenario "${unknown.join('", "')}". Known for ${broker}: ${known.map((scenario) => scenario.name).join(', ')}.`)

  return names.length === 0 ? known.filter(({ isLong }) => !isLong) : known.filter((scenario) => names.some((name) => isCalled(scenario, name)))
}

function isCalled(scenario: Scenario, name: string): boolean {
  return scenario.name === name || labelOf(scenario) === name
}

function readCount(flag: string, values: ReadonlyMap<string, string>): number | undefined {
  const text = values.get(flag)
  if (text === undefined) return undefined
  if (!/^[1-9]\d*$/.test(text)) throw new BenchError(`Option "${flag}" expects a whole number from 1, found "${text}".`)

  return Number(text)
}
