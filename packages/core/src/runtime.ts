import { isRecord } from './found.js'

/**
 * Time, chance and identity. Everything in core, the memory transport, the outbox and the saga takes them from here,
 * so the same code runs on a virtual clock with a seed: the same seed gives the same history.
 */
export interface Runtime {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds that only ever grow, for durations and deadlines. */
  elapsed(): number
  /** Runs `work` once after `ms`; the returned function cancels it. A timer never keeps the process alive by itself. */
  after(ms: number, work: () => void): () => void
  /** Runs `work` when what was started in this turn is done: the moment at which batches leave. */
  soon(work: () => void): void
  /** At least 0, below 1. */
  random(): number
  /** A new UUIDv7 of this moment. */
  id(): string
}

/** Whether it has everything that a runtime needs. */
export function isRuntime(value: unknown): value is Runtime {
  return isRecord(value) && ['now', 'elapsed', 'after', 'soon', 'random', 'id'].every((method) => typeof value[method] === 'function')
}
