import { channel } from 'node:diagnostics_channel'
import type { Observer } from './observe.js'

/** What an observer is given by that name. */
export type Observed<N extends keyof Observer> = Parameters<NonNullable<Observer[N]>>[0]

const channels: Readonly<Record<keyof Observer, string>> = {
  publishing: 'tracing:waybill:publish:start',
  published: 'tracing:waybill:publish:asyncEnd',
  processing: 'tracing:waybill:process:start',
  processed: 'tracing:waybill:process:asyncEnd',
  settled: 'waybill:settle',
  retried: 'waybill:retry',
  deadLettered: 'waybill:dead-letter',
  skipped: 'waybill:skip',
  duplicated: 'waybill:duplicate',
  connection: 'waybill:connection',
  outbox: 'waybill:outbox',
  relayed: 'waybill:relay',
  saga: 'waybill:saga',
  sagas: 'waybill:sagas',
}

export const observed = Object.keys(channels) as readonly (keyof Observer)[]

/**
 * Calls `listener` with what happens, in the same turn, until the returned function is called. What it throws, or rejects with, goes to
 * `failed`: what a bare subscriber throws, Node throws as an uncaught exception.
 */
export function hear<N extends keyof Observer>(name: N, listener: (event: Observed<N>) => unknown, failed: (error: unknown) => void): () => void {
  const source = channel(channels[name])
  const guarded = (said: unknown): void => {
    try {
      // The channels of these names carry nothing else.
      const work = listener(said as Observed<N>)
      if (work instanceof Promise) work.catch(failed)
    } catch (error) {
      failed(error)
    }
  }
  source.subscribe(guarded)

  return () => {
    source.unsubscribe(guarded)
  }
}
