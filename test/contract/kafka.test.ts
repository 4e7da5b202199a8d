import { transportContract } from '@waybill/testing/contract'
import { afterAll, describe, test } from 'vitest'
import { kafkaSubject } from './kafka-subject.js'

describe('kafka keeps the contract of a transport', () => {
  const subject = kafkaSubject()
  afterAll(() => subject.close())

  for (const contract of transportContract()) test(contract.title, () => contract.run(subject), 60_000)
})
