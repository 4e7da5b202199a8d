import { transportContract } from '@waybill/testing/contract'
import { describe, test } from 'vitest'
import { memorySubject } from './memory-subject.js'

describe('E1 memory keeps the contract of a transport', () => {
  for (const contract of transportContract()) test(contract.title, () => contract.run(memorySubject()), 60_000)
})
