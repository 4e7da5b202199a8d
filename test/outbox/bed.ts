import { type App, type AppOptions, createApp, Event, type Logger } from '@waybill/core'
import { type Outbox, outbox, type OutboxOptions } from '@waybill/outbox'
import { memoryDatabase, type MemoryDatabase, memoryStore } from '@waybill/store-memory'
import { memory, memoryBroker, type MemoryBroker } from '@waybill/transport-memory'
import { onTestFinished } from 'vitest'
import { z } from 'zod'

const payload = z.object({ n: z.number() })

export class Asked extends Event('asked.asked', { payload }) {}
export class Told extends Event('told.told', { payload }) {}

export interface Bed {
  readonly app: App
  readonly broker: MemoryBroker
  readonly database: MemoryDatabase
  readonly outbox: Outbox
  readonly lines: readonly string[]
}

type Parts = Pick<AppOptions, 'services'> &
  Partial<Omit<AppOptions, 'transport' | 'transports' | 'plugins'>> & { readonly broker?: MemoryBroker; readonly database?: MemoryDatabase; readonly outbox?: OutboxOptions }

/** A started app with an outbox, on a broker and a database that live in the test. */
export async function startBed({ broker = memoryBroker(), database = memoryDatabase(), outbox: options = {}, ...rest }: Parts): Promise<Bed> {
  const box = outbox(memoryStore({ database }), options)
  const lines: string[] = []
  const app = createApp({ name: 'test', signals: false, log: collectInto(lines), transport: memory({ broker }), plugins: [box], ...rest })
  onTestFinished(() => app.stop())
  await app.start()

  return { app, broker, database, outbox: box, lines }
}

export function collectInto(lines: string[]): Logger {
  const note = (text: string): void => void lines.push(text)

  return { debug: note, info: note, warn: note, error: note }
}
