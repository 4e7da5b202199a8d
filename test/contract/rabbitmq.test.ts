import { transportContract } from '@waybill/testing/contract'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { rabbitSubject, type OpenSubject } from './rabbit-subject.js'

describe('E1 rabbitmq keeps the contract of a transport', () => {
  let subject: OpenSubject
  beforeAll(async () => {
    subject = await rabbitSubject()
  })
  afterAll(() => subject?.close())

  for (const contract of transportContract()) test(contract.title, () => contract.run(subject), 60_000)
})
