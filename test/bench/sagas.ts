import type { Contender } from './contender.js'
import { Ledger } from './ledger.js'
import { type Cost, peakRssMb, startMeter } from './meter.js'
import { stepsOfSaga } from './scenario.js'
import { percentiles } from './statistics.js'
import { watch } from './watch.js'
import type { Job, Measurement } from './worker.js'

const dayMs = 86_400_000
/** What waits beside has numbers that no saga of the round has. */
const besideFrom = 1_000_000_000

/** Starts a saga when one has ended, so that so many are always under way. */
export async function steps(contender: Contender, { room, count, ahead, open }: Job & { readonly ahead: number; readonly open: number }): Promise<Measurement> {
  if (!contender.openSagas || count % stepsOfSaga !== 0) throw new Error(`This contender has no "openSagas", or ${count} steps are no sagas of ${stepsOfSaga}.`)
  await leaveBeside(contender, room, open)
  const ledger = new Ledger(count)
  const progress = watch(ledger)
  const sagas = count / stepsOfSaga
  let next = 0
  const starter = await contender.openSagas(room, (id) => {
    ledger.see(id)
    if (id % stepsOfSaga === stepsOfSaga - 1 && next < sagas) starter.start(next++)
    if (ledger.isComplete) progress.finish()
  })
  const read = startMeter(undefined)
  while (next < Math.min(ahead, sagas)) starter.start(next++)
  await progress.ended
  const cost = read()
  const rssMb = peakRssMb()
  await starter.close()

  return { ...cost, p50Ms: null, p99Ms: null, ...ended, handled: ledger.sightings, rssMb }
}

/** From the end of the first that was fired to the end of the last. */
export async function timers(contender: Contender, { room, count, armed }: Job & { readonly armed: number }): Promise<Measurement> {
  await leaveBeside(contender, room, armed)
  const dueAt = Date.now()
  await contender.leaveOpen?.(
    room,
    Array.from({ length: count }, (_, saga) => ({ saga, dueAt })),
  )
  const ledger = new Ledger(count)
  const progress = watch(ledger)
  let read: (() => Cost) | undefined
  const firing = await contender.openTimers?.(room, (saga) => {
    read ??= startMeter(undefined)
    ledger.see(saga)
    if (ledger.isComplete) progress.finish()
  })
  await progress.ended
  const cost = (read ?? startMeter(undefined))()
  const rssMb = peakRssMb()
  await firing?.close()

  return { ...cost, p50Ms: null, p99Ms: null, ...ended, handled: ledger.sightings, rssMb }
}

export async function lateness(contender: Contender, { room, count, armed, perSecond }: Job & { readonly armed: number; readonly perSecond: number }): Promise<Measurement> {
  await leaveBeside(contender, room, armed)
  const ledger = new Ledger(count)
  const progress = watch(ledger)
  const lateMs = new Float64Array(count)
  const dueAt = new Float64Array(count)
  let early: string | undefined
  const firing = await contender.openTimers?.(room, (saga) => {
    const late = Date.now() - (dueAt[saga] ?? 0)
    if (late < 0) early ??= `The timer of the saga ${saga} fired ${-late} ms too early.`
    lateMs[saga] = late
    ledger.see(saga)
    if (ledger.isComplete) progress.finish()
  })
  const from = Date.now() + 2_000
  for (let saga = 0; saga < count; saga++) dueAt[saga] = from + Math.floor((saga * 1_000) / perSecond)
  await contender.leaveOpen?.(
    room,
    Array.from(dueAt, (moment, saga) => ({ saga, dueAt: moment })),
  )
  const read = startMeter(undefined)
  await progress.ended
  const cost = read()
  const rssMb = peakRssMb()
  await firing?.close()
  if (early !== undefined) throw new Error(early)

  return { ...cost, ...percentiles(lateMs), ...ended, handled: ledger.sightings, rssMb }
}

const ended = { heapMb: undefined, verdict: undefined, errors: { count: 0, first: undefined } } as const

async function leaveBeside(contender: Contender, room: Job['room'], count: number): Promise<void> {
  const dueAt = Date.now() + dayMs
  if (count > 0)
    await contender.leaveOpen?.(
      room,
      Array.from({ length: count }, (_, n) => ({ saga: besideFrom + n, dueAt })),
    )
}
