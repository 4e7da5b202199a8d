import { type App, type AppOptions, createApp } from '@waybill/core'
import { memory, memoryBroker, type MemoryBroker } from '@waybill/transport-memory'
import { onTestFinished } from 'vitest'

/** A started app on an embedded broker of its own, stopped when the test ends. */
export async function startApp(
  options: Pick<AppOptions, 'services'> & Partial<Omit<AppOptions, 'transports'>> & { readonly broker?: MemoryBroker },
): Promise<{ app: App; broker: MemoryBroker }> {
  const { broker = memoryBroker(), ...rest } = options
  const app = createApp({ name: 'test', signals: false, log: false, transport: memory({ broker }), ...rest })
  onTestFinished(() => app.stop())
  await app.start()

  return { app, broker }
}

/** A promise with its ends in hand. */
export function gate<T = void>(): { readonly opened: Promise<T>; open(value: T): void } {
  let open: (value: T) => void = () => undefined
  const opened = new Promise<T>((resolve) => {
    open = resolve
  })

  return { opened, open }
}
