import type { Logger } from './logger.js'
import { keepProcess, systemRuntime } from './system-runtime.js'
import { secondsOf } from './unfinished.js'

interface Listening {
  readonly log: Logger
  /** How long what runs may take to finish. */
  readonly atMostMs: number
  readonly stop: () => Promise<void>
}

// A process has one set of signals, however many apps live in it: it ends when all of them have stopped.
const listening = new Set<Listening>()
let isTold = false
let toldAt = 0

/** The first SIGTERM or SIGINT stops the app, then the process ends; a second one ends it at once. Returns the release. */
export function onSignals(entry: Listening): () => void {
  const letGo = keepProcess()
  if (listening.size === 0) {
    process.on('SIGTERM', received)
    process.on('SIGINT', received)
  }
  listening.add(entry)

  return () => {
    letGo()
    listening.delete(entry)
    if (listening.size > 0 || isTold) return
    process.off('SIGTERM', received)
    process.off('SIGINT', received)
  }
}

function received(signal: NodeJS.Signals): void {
  // npm and the terminal each pass one Ctrl-C on: what comes at once is the same wish.
  if (isTold && systemRuntime.elapsed() - toldAt < 300) return
  if (isTold) process.exit(130)
  isTold = true
  toldAt = systemRuntime.elapsed()
  const apps = [...listening]
  for (const { log, atMostMs } of apps) log.info(`${signal}: finishing what runs, which takes at most ${secondsOf(atMostMs)}; once more ends at once`)
  // Whatever else the program holds open, a process that was told to end ends.
  Promise.all(apps.map(({ stop }) => stop())).then(
    () => process.exit(0),
    () => process.exit(1),
  )
}
