import { transportContract } from '@waybill/testing/contract'
import { platformatic } from '@waybill/transport-kafka'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { kafkaSubject } from './kafka-subject.js'

describe('E1 kafka keeps the contract of a transport through @platformatic/kafka', () => {
  let subject: Awaited<ReturnType<typeof kafkaSubject>>
  beforeAll(async () => {
    subject = await kafkaSubject(platformatic())
  })
  afterAll(() => subject?.close())

  for (const contract of transportContract()) test(contract.title, () => contract.run(subject), 60_000)
})
