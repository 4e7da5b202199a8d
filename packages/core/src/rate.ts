import type { Runtime } from './runtime.js'

/** So many buckets before those that are full again are looked for. */
const tidyAt = 1_000

interface Bucket {
  tokens: number
  at: number
}

/** Token buckets, one for each key: `limit` at once, then one more each `perMs / limit`. */
export class Rate {
  readonly #limit: number
  readonly #perMs: number
  readonly #runtime: Runtime
  readonly #buckets = new Map<string, Bucket>()
  #tidyAt = tidyAt

  constructor({ limit, perMs }: { readonly limit: number; readonly perMs: number }, runtime: Runtime) {
    this.#limit = limit
    this.#perMs = perMs
    this.#runtime = runtime
  }

  /** 0: it has been taken. Otherwise the milliseconds until there is one to take. */
  take(key: string): number {
    const bucket = this.#bucketOf(key)
    const wait = this.#wait(bucket)
    if (wait === 0) bucket.tokens--

    return wait
  }

  /** How long until there are so many, or all that there can be. */
  wait(key: string, count = 1): number {
    return this.#wait(this.#bucketOf(key), Math.min(count, this.#limit))
  }

  #wait({ tokens }: Bucket, count = 1): number {
    // Refills are sums of fractions: a token that lacks a billionth is one.
    return tokens > count - 1e-9 ? 0 : Math.ceil(((count - tokens) * this.#perMs) / this.#limit)
  }

  #bucketOf(key: string): Bucket {
    const now = this.#runtime.elapsed()
    const bucket = this.#buckets.get(key)
    if (bucket) {
      this.#fill(bucket, now)
      return bucket
    }
    if (this.#buckets.size >= this.#tidyAt) this.#tidy(now)
    const made = { tokens: this.#limit, at: now }
    this.#buckets.set(key, made)

    return made
  }

  #fill(bucket: Bucket, now: number): void {
    bucket.tokens = Math.min(this.#limit, bucket.tokens + ((now - bucket.at) * this.#limit) / this.#perMs)
    bucket.at = now
  }

  /** A bucket that is full says no more than none: keys may be many and never come again. */
  #tidy(now: number): void {
    for (const [key, bucket] of this.#buckets) {
      this.#fill(bucket, now)
      if (bucket.tokens >= this.#limit) this.#buckets.delete(key)
    }
    this.#tidyAt = Math.max(tidyAt, this.#buckets.size * 2)
  }
}
