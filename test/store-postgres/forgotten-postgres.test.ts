import { inspect } from 'node:util'
import { createApp, Service } from '@waybill/core'
import { Database, outbox, Transactional } from '@waybill/outbox'
import { eventually } from '@waybill/testing'
import { memory } from '@waybill/transport-memory'
import { expect, it, onTestFinished } from 'vitest'
import { serverBed } from './bed.js'

interface Client {
  query(statement: string): Promise<unknown>
}

@Service('careless')
class Careless {
  left: Promise<unknown> | undefined

  constructor(private readonly database: Database) {}

  @Transactional()
  async forget(): Promise<void> {
    this.left = this.database.query('SELECT pg_sleep(20)')
  }

  @Transactional()
  async forgetAndThrow(): Promise<void> {
    this.left = this.database.client<Client>().query('SELECT pg_sleep(20)')
    throw new Error('changed its mind')
  }
}

const bed = serverBed()

it.each([
  ['forget', { code: 'FORGOTTEN_AWAIT' }],
  ['forgetAndThrow', { message: 'changed its mind' }],
] as const)('a statement that nobody awaits fails its transaction and not the process: %s', async (method, told) => {
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', note)
  onTestFinished(() => void process.off('unhandledRejection', note))
  const app = createApp({ name: 'test', services: [Careless], signals: false, log: false, transport: memory(), plugins: [outbox(bed.made())] })
  onTestFinished(() => app.stop())
  await app.start()
  const careless = app.get(Careless)

  await expect(careless[method]()).rejects.toMatchObject(told)
  await eventually(() => inspect(careless.left).includes('rejected'))
  await new Promise((resolve) => setImmediate(resolve))

  expect(unhandled).toEqual([])
})
