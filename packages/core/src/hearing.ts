import { channel } from 'node:diagnostics_channel'
import type { Told } from './watching.js'

/**
 * Calls `listener` with what is told on a channel, in the same turn, until the returned function is called. What it throws, or rejects with, goes to
 * `failed`: what a bare subscriber throws, Node throws as an uncaught exception.
 */
export function hear<N extends keyof Told>(name: N, listener: (event: Told[N]) => unknown, failed: (error: unknown) => void): () => void {
  const source = channel(name)
  const guarded = (said: unknown): void => {
    try {
      // The channels of these names carry nothing else.
      const work = listener(said as Told[N])
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
