import { memory, memoryBroker } from '@waybill/transport-memory'
import { transportContract, type ContractSubject } from '@waybill/testing/contract'
import { describe, onTestFinished, test } from 'vitest'
import { newFolder } from '../transport-memory/journal-bed.js'

describe('E1 memory keeps the contract of a transport', () => {
  for (const contract of transportContract()) test(contract.title, () => contract.run(memorySubject()), 60_000)
})

describe('E1 memory with a folder keeps the contract of a transport', () => {
  for (const contract of transportContract()) test(contract.title, () => contract.run(memorySubject(newFolder())), 60_000)
})

/** A broker of its own for each case. */
function memorySubject(folder?: string): ContractSubject {
  const broker = memoryBroker(folder === undefined ? {} : { folder })
  onTestFinished(() => broker.close())

  return {
    name: 'memory',
    create: () => memory({ broker }),
    cut: () => Promise.resolve(broker.disconnect()),
    leave: () => Promise.resolve(broker.stop()),
    back: () => Promise.resolve(broker.start()),
  }
}
