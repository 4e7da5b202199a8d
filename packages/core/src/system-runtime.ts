import { randomFillSync } from 'node:crypto'
import type { Runtime } from './runtime.js'
import { uuid7Source } from './uuid.js'

/** The machine's own clock, timers and chance. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, work) {
    const timer = setTimeout(work, ms)
    timer.unref()

    return () => clearTimeout(timer)
  },
  // nextTick runs when the promises of this turn are done, so what all of them published leaves as one batch.
  soon(work) {
    if (soons === 0) setImmediate(turned)
    if (++soons > mostSoons) setImmediate(work)
    else process.nextTick(work)
  },
  random: () => Math.random(),
  id: () => nextId(Date.now()),
}

/** So many within one turn of the event loop, then timers, sockets and signals have theirs: a loop of awaited publishes would keep them away for ever. */
const mostSoons = 100
let soons = 0

function turned(): void {
  soons = 0
}

const nextId = uuid7Source(randomBytes)
const pool = new Uint8Array(8_192)
let used = pool.length

function randomBytes(count: number): Uint8Array {
  if (used + count > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += count

  return pool.subarray(used - count, used)
}

/** A running app keeps its process, also where no socket does. Returns the release. */
export function keepProcess(): () => void {
  const hold = setInterval(() => undefined, 0x7fffffff)

  return () => clearInterval(hold)
}
