import { memory, memoryBroker, type MemoryBrokerOptions } from '@waybill/transport-memory'
import type { ContractSubject } from '@waybill/testing/contract'
import { onTestFinished } from 'vitest'

/** A broker of its own for each case. */
export function memorySubject(options: MemoryBrokerOptions = {}): ContractSubject {
  const broker = memoryBroker(options)
  onTestFinished(() => broker.close())

  return {
    name: 'memory',
    create: () => memory({ broker }),
    cut: () => Promise.resolve(broker.disconnect()),
    leave: () => Promise.resolve(broker.stop()),
    back: () => Promise.resolve(broker.start()),
  }
}
