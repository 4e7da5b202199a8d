import { type AppOptions, ConfigError, type Duration, type Fault, parseDuration, type Plugin, type Transport, unknownOptions } from '@waybill/core'
import type { MemoryBroker } from '@waybill/transport-memory'
import type { Harness } from './harness.js'
import { isSeed } from './random.js'
import { shown } from './shown.js'

type Kept = 'services' | 'namespace' | 'channels' | 'modules' | 'middleware' | 'limits' | 'publishDeadline' | 'shutdown' | 'log'

/** What an app is made of, without its transport, its clock and its signals: those are the harness's. */
export interface HarnessOptions extends Pick<AppOptions, Kept> {
  /** A function makes them anew for each life of the services: what a store holds open dies with a crash. */
  readonly plugins?: readonly Plugin[] | (() => readonly Plugin[])
  /** Default: `app`. */
  readonly name?: string
  /** Where chance and ids come from. Default: 1. */
  readonly seed?: number | string
  /** Another harness whose broker and clock these services share, as a process beside it. */
  readonly beside?: Harness
  /** How long, of your own time, a listener is waited for that waits for something real: a file, a database. Default: 1 s. */
  readonly patience?: Duration
  /** Another transport on the harness's broker. Default: `memory({ broker })`. */
  readonly transport?: (broker: MemoryBroker) => Transport
}

const known: Readonly<Record<keyof HarnessOptions, true>> = {
  services: true,
  namespace: true,
  channels: true,
  modules: true,
  middleware: true,
  limits: true,
  publishDeadline: true,
  shutdown: true,
  log: true,
  plugins: true,
  name: true,
  seed: true,
  beside: true,
  patience: true,
  transport: true,
}

/** What was given that a harness does not know, and what is wrong with its own options; everything else is told by the app. */
export function checkHarnessOptions(given: unknown): readonly Fault[] {
  if (typeof given !== 'object' || given === null) return [fault(`takes an object of options, such as { services: [Shipping] }; found ${shown(given)}`)]
  const { seed, patience } = given as Readonly<Record<string, unknown>>
  const faults = unknownOptions('harness', given, Object.keys(known))
  if (seed !== undefined && !isSeed(seed)) faults.push(fault(`takes "seed" as a number or a text; found ${shown(seed)}`))
  if (patience !== undefined && parseDuration(patience as string) === undefined) faults.push(fault(`takes "patience" as a duration, such as "5s"; found ${shown(patience)}`))

  return faults
}

/** Throws where a call was given an option that nobody knows: it would pass for one without options. */
export function checkCall(call: string, given: unknown, known: readonly string[]): void {
  const faults = unknownOptions(call, given, known)
  if (faults.length > 0) throw new ConfigError(faults)
}

export function fault(sentence: string): Fault {
  return { code: 'HARNESS_OPTION', message: `harness ${sentence}.` }
}
