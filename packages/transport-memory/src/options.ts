import { type Fault, unknownOptions } from '@waybill/core'
import { Broker } from './broker/broker.js'
import type { MemoryBroker } from './broker/memory-broker.js'

export interface MemoryOptions {
  /** A broker that several transports share, made by `memoryBroker()`. Default: one of its own, which ends with the transport. */
  readonly broker?: MemoryBroker
}

export interface ResolvedOptions {
  readonly broker: Broker
  /** Nobody else uses it. */
  readonly ownsBroker: boolean
  readonly faults: readonly Fault[]
}

/** Every default filled in, every fault found. */
export function resolveOptions(options: MemoryOptions): ResolvedOptions {
  const faults = unknownOptions('memory()', options, ['broker'])
  const { broker } = options
  if (broker === undefined) return Object.freeze({ broker: new Broker({}), ownsBroker: true, faults })
  if (broker instanceof Broker) return Object.freeze({ broker, ownsBroker: false, faults: [...faults, ...broker.faults] })
  const fault = {
    code: 'MEMORY_BROKER',
    message: `memory() has the option "broker": expected what memoryBroker() returns, found ${typeof broker}. Write memory({ broker: memoryBroker() }).`,
  }

  return Object.freeze({ broker: new Broker({}), ownsBroker: true, faults: [...faults, fault] })
}
