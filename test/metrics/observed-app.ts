import { type AppOptions, Command, createApp, type App, Event, Listener, type Plugin, Service } from '@waybill/core'
import { memory, memoryBroker, type MemoryBroker } from '@waybill/transport-memory'
import { metrics, type Metrics, type MetricsOptions } from '@waybill/metrics'
import { onTestFinished } from 'vitest'
import { z } from 'zod'

export class Paid extends Event('paid', { channel: 'payments', payload: z.object({ order: z.string() }) }) {}
export class Charge extends Command('charge', { channel: 'payments', payload: z.object({ order: z.string() }) }) {}

/** Takes what is paid; an order called "bad" is refused at every try. */
export function ledger(done: (order: string) => void = () => undefined) {
  @Service('ledger')
  class Ledger {
    @Listener(Paid, { retry: { attempts: 2, backoff: '1ms..1ms' } })
    onPaid({ order }: Paid): void {
      if (order === 'bad') throw new Error('There is no such order.')
      done(order)
    }
  }

  return Ledger
}

export interface Observed {
  readonly app: App
  readonly broker: MemoryBroker
  readonly observed: Metrics
  /** The value of one series, by its name and some of its labels; 0 where there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): Promise<number>
}

/** A started app with metrics, stopped when the test ends. */
export async function observe(
  options: MetricsOptions & { readonly app?: { readonly name?: string; readonly services?: AppOptions['services']; readonly plugins?: readonly Plugin[] } } = {},
): Promise<Observed> {
  const { app: parts, ...own } = options
  const observed = metrics(own)
  const broker = memoryBroker()
  const app = createApp({ name: 'till', services: [ledger()], signals: false, log: false, ...parts, transport: memory({ broker }), plugins: [observed, ...(parts?.plugins ?? [])] })
  onTestFinished(() => app.stop())
  await app.start()

  return { app, broker, observed, value: (name, labels) => seriesOf(observed, name, labels) }
}

export async function seriesOf({ registry }: Pick<Metrics, 'registry'>, name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  const text = await registry.metrics()
  const found = text.split('\n').find((line) => line.startsWith(`${name}{`) && Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)))

  return found === undefined ? 0 : Number(found.split('} ')[1]?.split(' ')[0])
}
