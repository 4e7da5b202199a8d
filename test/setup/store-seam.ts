import { randomUUID } from 'node:crypto'
import { type Flush, type StoreHost, systemRuntime } from '@waybill/core'

export const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** What an app is for its store. */
export function hostOf(app = 'shop'): StoreHost {
  return { app, instance: randomUUID(), namespace: undefined, runtime: systemRuntime, log: silent }
}

/** What a transaction writes with its commit. */
export function flush(more: Partial<Flush> = {}): Flush {
  return { outbox: [], timers: [], replies: [], ...more }
}
