import { type Fault, optionsIn, unknownOptions } from '@waybill/core'
import { Broker } from './broker/broker.js'
import { faultsOfFolder, type MemoryBroker } from './broker/memory-broker.js'

export interface MemoryOptions {
  /** A broker that several transports share, made by `memoryBroker()`. Default: one of its own, which ends with the transport. */
  readonly broker?: MemoryBroker
  /** Keeps what the broker holds in a journal in this folder, so that the next process goes on with it. Default: nothing outlives the process. */
  readonly folder?: string
  /** When a publish is confirmed: `write`, once the system has it, which outlives the process; `always`, once the disk has it, which outlives a power cut. Default: `write`. */
  readonly sync?: 'write' | 'always'
}

export interface ResolvedOptions {
  readonly broker: Broker
  /** Nobody else uses it. */
  readonly ownsBroker: boolean
  readonly faults: readonly Fault[]
}

/** Every default filled in, every fault found. */
export function resolveOptions(given: MemoryOptions): ResolvedOptions {
  const options: MemoryOptions = optionsIn(given)
  const faults = [...unknownOptions('memory()', given, ['broker', 'folder', 'sync']), ...faultsOfFolder('memory()', options)]
  const { broker, folder } = options
  if (broker === undefined) return Object.freeze({ broker: ownBroker(faults.length === 0 ? options : {}), ownsBroker: true, faults })
  if (folder !== undefined) faults.push(wrongBroker('found it beside "folder". A shared broker has the folder itself: memoryBroker({ folder })'))
  if (broker instanceof Broker) return Object.freeze({ broker, ownsBroker: false, faults: [...faults, ...broker.faults] })
  faults.push(wrongBroker(`expected what memoryBroker() returns, found ${typeof broker}. Write memory({ broker: memoryBroker() })`))

  return Object.freeze({ broker: ownBroker({}), ownsBroker: true, faults })
}

function ownBroker({ folder, sync }: Pick<MemoryOptions, 'folder' | 'sync'>): Broker {
  return new Broker({ ...(folder === undefined ? {} : { folder }), ...(sync === undefined ? {} : { sync }) })
}

function wrongBroker(text: string): Fault {
  return { code: 'MEMORY_BROKER', message: `memory() has the option "broker": ${text}.` }
}
