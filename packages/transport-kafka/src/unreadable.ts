import { sentenceOf } from './broker-error.js'

/** A batch that the broker keeps and that cannot be read here. */
export interface Unreadable {
  /** Of its first record. */
  readonly offset: number
  /** The time of its latest record, ms since the epoch, as far as it is known. */
  readonly timestamp: number | undefined
  readonly error: unknown
}

/** Why nothing of its partition is read, and what to do about it. */
export function reasonOf({ offset, timestamp, error }: Unreadable): string {
  return `the batch at offset ${offset} cannot be read: ${sentenceOf(error)} It is tried again and again. To pass over it, stop every process of the group, and "seek" it to ${momentBehind(timestamp)}.`
}

function momentBehind(timestamp: number | undefined): string {
  const moment = new Date(timestamp === undefined ? Number.NaN : timestamp + 1)

  return Number.isNaN(moment.getTime()) ? 'a moment behind it' : `new Date('${moment.toISOString()}'), which is behind it`
}
