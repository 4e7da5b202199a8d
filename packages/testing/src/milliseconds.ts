import { type Duration, parseDuration, WaybillError } from '@waybill/core'

/** Of a duration, or of a number of them. */
export function millisecondsOf(time: Duration | number): number {
  const ms = typeof time === 'number' ? time : parseDuration(time)
  if (ms !== undefined && ms >= 0 && Number.isFinite(ms)) return ms

  throw new WaybillError('DURATION', `Time is a number of milliseconds of at least 0, or a duration such as "500ms", "5m" or "2h"; found ${JSON.stringify(time)}.`)
}
