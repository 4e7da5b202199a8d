import { transportContract } from '@waybill/testing/contract'
import { describe, test } from 'vitest'
import { newFolder } from '../transport-memory/journal-bed.js'
import { memorySubject } from './memory-subject.js'

describe('E1 memory with a folder keeps the contract of a transport', () => {
  for (const contract of transportContract()) test(contract.title, () => contract.run(memorySubject({ folder: newFolder() })), 60_000)
})
