import { type BenchOptions, parseArguments } from './arguments.js'
import { BenchError, type Broker } from './broker.js'
import { openDispatch } from './broker-dispatch.js'
import { openKafka } from './broker-kafka.js'
import { openOutbox } from './broker-outbox.js'
import { findListener } from './broker-pid.js'
import { openRabbitmq } from './broker-rabbitmq.js'
import { openSaga } from './broker-saga.js'
import { type Entrant, chooseEntrants, installRivals } from './entrants.js'
import { failuresOf, resultLine, roundOf, table } from './report.js'
import { type Progress, playRounds } from './rounds.js'
import { type Scenario, labelOf } from './scenario.js'
import { canPlay, type Setting, Stage } from './stage.js'

const openBroker = { rabbitmq: openRabbitmq, kafka: openKafka, dispatch: openDispatch, observe: openRabbitmq, outbox: openOutbox, saga: openSaga, harness: openDispatch }
const latencies: ReadonlySet<Scenario['work']['kind']> = new Set(['latency', 'relay', 'relay-remote', 'lateness'])
const interrupted = 130
const open: Stage[] = []
const failures: string[] = []
let isInterrupted = false

async function main(): Promise<void> {
  const options = parseArguments(process.argv.slice(2))
  const entrants = chooseEntrants(options.broker, options.contenders)
  installRivals(entrants)
  const broker = await openBroker[options.broker]()
  process.once('SIGINT', () => void endEarly(broker))
  process.once('SIGTERM', () => void endEarly(broker))
  try {
    for (const scenario of options.scenarios) await play(scenario, entrants, broker, options)
  } finally {
    if (!isInterrupted) await leave(broker)
  }
  if (failures.length === 0) return
  console.error(`FAILED: ${failures.join('; ')}. Who loses or doubles messages proves nothing by its speed.`)
  process.exitCode = 1
}

async function play(scenario: Scenario, entrants: readonly Entrant[], broker: Broker, options: BenchOptions): Promise<void> {
  const label = labelOf(scenario)
  const setting: Setting = {
    broker,
    brokerPid: findListener(broker.endpoint),
    scenario,
    messages: options.messages ?? scenario.messages,
    execArgv: ['--expose-gc', ...(options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`])],
  }
  for (const entrant of entrants) if (await canPlay(entrant, scenario)) open.push(await Stage.open(entrant, setting))
  const all = await playRounds(open, options.rounds, progressOf(label, options.rounds))
  await Promise.all(open.splice(0).map((stage) => stage.close()))
  failures.push(...failuresOf(label, all))

  if (options.json) for (const series of all) console.log(JSON.stringify(resultLine(label, series)))
  else console.log(`\n${table(label, all, latencies.has(scenario.work.kind))}\n`)
}

/** On stderr, so that stdout holds results alone. */
function progressOf(label: string, rounds: number): Progress {
  return (contender, round, result) => {
    const which = round === 0 ? 'warm-up' : `round ${round} of ${rounds}`
    console.error(`${label}  ${which}  ${contender}: ${roundOf(result)}`)
  }
}

async function leave(broker: Broker): Promise<void> {
  const stages = open.splice(0)
  await Promise.all(stages.map((stage) => stage.kill()))
  for (const stage of stages) await stage.clear()
  await broker.close()
}

async function endEarly(broker: Broker): Promise<void> {
  isInterrupted = true
  console.error('Stopping: the contenders are ended, then the broker is cleaned up.')
  process.once('SIGINT', () => process.exit(interrupted))
  await leave(broker).catch((error: unknown) => console.error(error))
  process.exit(interrupted)
}

main().catch((error: unknown) => {
  // The contenders were ended on purpose, and the clean-up still runs.
  if (isInterrupted) return
  console.error(error instanceof BenchError ? error.message : error)
  process.exit(1)
})
