import { setImmediate as breath } from 'node:timers/promises'
import type { Contender, Order } from './contender.js'
import { Ledger } from './ledger.js'
import { peakRssMb, startMeter } from './meter.js'
import { makeOrder } from './order.js'
import { percentiles } from './statistics.js'
import { watch } from './watch.js'
import type { Job, Measurement } from './worker.js'

export interface Chunks {
  /** Orders that are there at once. What it takes to make them and to hand them over does not count. */
  readonly chunk: number
}

/**
 * Hands bodies over chunk by chunk. The clock runs from there until the turn ends in which the last order of the
 * chunk was handled and settled; the processor's time cannot be read so often, so it holds all.
 */
export async function receive(contender: Contender, { room, count, chunk }: Job & Chunks): Promise<Measurement> {
  if (!contender.openReceiver) throw new Error('This contender has no "openReceiver", which the scenario needs. Give it one.')
  const ledger = new Ledger(count)
  const progress = watch(ledger)
  const chunksMs = new Float64Array(Math.ceil(count / chunk))
  let elapsedMs = 0
  let expected = 0
  let onChunk: () => void = () => undefined
  const receiver = await contender.openReceiver(room, (order: Order) => {
    ledger.see(order.id)
    // What follows the handler is done when the promises of this turn are.
    if (ledger.sightings === expected) queueMicrotask(() => process.nextTick(() => onChunk()))
  })
  void progress.ended.then(() => onChunk())

  const heapBefore = heapMb()
  const read = startMeter(undefined)
  for (let from = 0; from < count; from += chunk) {
    const bodies = bodiesFrom(from, Math.min(chunk, count - from))
    expected = from + bodies.length
    const handled = new Promise<void>((resolve) => {
      onChunk = resolve
    })
    receiver.receive(bodies)
    const theirs = receiver.theirsMs?.() ?? 0
    const begin = performance.now()
    await handled
    const tookMs = performance.now() - begin
    chunksMs[from / chunk] = tookMs - (receiver.theirsMs?.() ?? 0) + theirs
    elapsedMs += tookMs
    await breath()
  }
  progress.finish()
  const cost = read()
  const grownMb = heapMb() - heapBefore
  await receiver.close()

  return {
    ...cost,
    elapsedMs,
    ...(chunk === 1 ? percentiles(chunksMs) : { p50Ms: null, p99Ms: null }),
    handled: ledger.sightings,
    rssMb: peakRssMb(),
    heapMb: grownMb,
    verdict: ledger.verdict,
    errors: { count: 0, first: undefined },
  }
}

function bodiesFrom(first: number, length: number): readonly Buffer[] {
  return Array.from({ length }, (_, at) => Buffer.from(JSON.stringify(makeOrder(first + at))))
}

/** Without what nobody holds any more. */
function heapMb(): number {
  globalThis.gc?.()

  return process.memoryUsage().heapUsed / 1_048_576
}
