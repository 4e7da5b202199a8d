import { type App, type AppOptions, createApp, type Transport } from '@waybill/core'
import { outbox, type OutboxOptions } from '@waybill/outbox'
import { type MemoryDatabase, memoryDatabase, memoryStore } from '@waybill/store-memory'
import { type VirtualRuntime, virtualRuntime } from '@waybill/testing'
import { memory, type MemoryBroker, memoryBroker } from '@waybill/transport-memory'
import { onTestFinished } from 'vitest'

export interface Started {
  readonly app: App
  readonly box: ReturnType<typeof outbox>
  readonly broker: MemoryBroker
  readonly database: MemoryDatabase
  readonly runtime: VirtualRuntime
}

export interface StartedOptions {
  readonly services?: AppOptions['services']
  readonly log?: AppOptions['log']
  readonly outbox?: OutboxOptions
  /** In place of the plain one. */
  readonly transport?: (broker: MemoryBroker, runtime: VirtualRuntime) => Transport
}

/** An app with an outbox on a store and a broker that can be stopped, on a clock of its own; stopped after the test. */
export async function startedApp({ services = [], log = false, outbox: options = {}, transport = (broker) => memory({ broker }) }: StartedOptions): Promise<Started> {
  const runtime = virtualRuntime()
  const database = memoryDatabase()
  const broker = memoryBroker({ runtime })
  const box = outbox(memoryStore({ database }), options)
  const app = createApp({ name: 'test', services, signals: false, log, runtime, transport: transport(broker, runtime), plugins: [box] })
  onTestFinished(async () => {
    const stopped = app.stop()
    await runtime.advance('1m')
    await stopped
  })
  const started = app.start()
  await runtime.advance('1s')
  await started

  return { app, box, broker, database, runtime }
}
