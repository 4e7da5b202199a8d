import { memory, memoryBroker } from '@waybill/transport-memory'
import { transportContract, type ContractSubject } from '@waybill/testing/contract'
import { describe, test } from 'vitest'

describe('E1 memory keeps the contract of a transport', () => {
  for (const contract of transportContract()) test(contract.title, () => contract.run(memorySubject()), 60_000)
})

/** A broker of its own for each case. */
function memorySubject(): ContractSubject {
  const broker = memoryBroker()

  return {
    name: 'memory',
    create: () => memory({ broker }),
    cut: () => Promise.resolve(broker.disconnect()),
    leave: () => Promise.resolve(broker.stop()),
    back: () => Promise.resolve(broker.start()),
  }
}
