import { ConfigError, type Fault, unknownOptions, WaybillError } from '@waybill/core'
import type { Direction } from './line.js'
import type { Clock } from './pipe.js'
import { isSeed } from './random.js'
import { shown } from './shown.js'

export interface FaultProxyOptions {
  /** Where the real server listens. */
  readonly to: { readonly host: string; readonly port: number }
  /** Of the jitter. Default: the runtime's chance, or 1 without a runtime. */
  readonly seed?: number | string
  /** Whose time passes for latency and bandwidth. Default: real time. */
  readonly runtime?: Clock
}

const example = "such as faultProxy({ to: { host: '127.0.0.1', port: 5672 } })"

/** Throws a {@link ConfigError} with everything that is wrong. */
export function checkProxyOptions(given: unknown): void {
  if (typeof given !== 'object' || given === null) throw new ConfigError([fault(`faultProxy takes an object of options, ${example}; found ${String(given)}.`)])
  const { to, seed, runtime } = given as Readonly<Record<string, unknown>>
  const { host, port } = (to ?? {}) as { readonly host?: unknown; readonly port?: unknown }
  const faults = unknownOptions('faultProxy', given, ['to', 'seed', 'runtime'])
  if (typeof host !== 'string' || host === '' || !Number.isInteger(port) || Number(port) < 1 || Number(port) > 65_535)
    faults.push(fault(`faultProxy: "to" is where the real server listens, { host, port }, ${example}; found ${to === undefined ? 'none' : shown(to)}.`))
  if (seed !== undefined && !isSeed(seed)) faults.push(fault(`faultProxy: "seed" is a number or a text; found ${shown(seed)}.`))
  if (runtime !== undefined && !isClock(runtime))
    faults.push(fault(`faultProxy: "runtime" has the functions ${clockParts.join(', ')}, as virtualRuntime() does; found ${shown(runtime)}. Leave it out for real time.`))
  if (faults.length > 0) throw new ConfigError(faults)
}

const clockParts = ['elapsed', 'after', 'random'] as const satisfies readonly (keyof Clock)[]

function isClock(value: unknown): boolean {
  return typeof value === 'object' && value !== null && clockParts.every((part) => typeof (value as Readonly<Record<string, unknown>>)[part] === 'function')
}

/** What a fault was given as its number. Throws where that is none, or out of bounds. */
export function numberOf(name: string, value: unknown, { least, greatest }: { readonly least: number; readonly greatest: number }): number {
  if (typeof value === 'number' && value >= least && value <= greatest) return value
  const bounds = Number.isFinite(greatest) ? `from ${least} to ${greatest}` : `of at least ${least}`

  throw wrong(`The proxy's "${name}" takes a number ${bounds}; found ${shown(value)}. Use heal() to switch faults off.`)
}

/** Which way a fault was told to act. Throws where there is no such way. */
export function directionOf(name: string, value: unknown): Direction | 'both' {
  const known = name === 'drop' ? (['up', 'down'] as const) : (['up', 'down', 'both'] as const)
  const found = known.find((one) => one === value)
  if (found) return found

  throw wrong(`The proxy's "${name}" takes a direction, ${known.map((one) => `"${one}"`).join(' or ')}: "up" is what the client sends; found ${shown(value)}.`)
}

function fault(message: string): Fault {
  return { code: 'FAULT_PROXY_OPTION', message }
}

function wrong(message: string): WaybillError {
  return new WaybillError('FAULT_PROXY_OPTION', message)
}
