import type { GroupAddress, PublishOutcome, Runtime } from '@waybill/core'
import { attribute, BrokerRefused, countOf, header, WaybillError } from '@waybill/core'
import { codeOf } from './broker-error.js'
import type { Place } from './driver.js'
import type { LogReader } from './log-reader.js'
import type { LogRecord } from './log-record.js'
import type { KafkaPublisher } from './publisher.js'
import { sizeOfContent } from './record-batch.js'
import { memberCodes } from './start.js'
import type { KafkaNames } from './topology.js'
import type { WireRecord } from './wire.js'
import { envelopePrefix } from './wire.js'

export interface ReplayRange {
  /** From the first message that is kept, or from the first that was stored at that moment or later. */
  readonly from: 'first' | Date
  /** Up to the last message that was stored before that moment. Default: all that are there when it begins. */
  readonly to?: Date
  /** Each copy has a new id, and tells its old one as `waybill-origin-id`: an inbox that saw the old one takes it again. Default: false. */
  readonly newIds?: boolean
}

export interface ReplayTools {
  readonly reader: LogReader
  readonly publisher: KafkaPublisher
  readonly names: KafkaNames
  readonly runtime: Runtime
}

/** Moves a group that nobody is a member of. */
export async function seek({ reader, names }: ReplayTools, of: GroupAddress, to: Place): Promise<void> {
  const topic = names.channel(of.channel)
  checkPlace('to', to, ['first', 'last'])
  try {
    await reader.setMarks(names.group(of), topic, await reader.offsets(topic, await reader.partitions(topic), to))
  } catch (error) {
    if (!memberCodes.has(codeOf(error))) throw error
    throw new BrokerRefused(
      'GROUP_RUNS',
      `The group "${names.group(of)}" was expected to have no members and has some, whom Kafka lets nobody move. Stop every process of the group, seek, and start them; or replay a range while they run.`,
      { cause: error },
    )
  }
}

/** Copies a range of a channel to one group. */
export async function replay(tools: ReplayTools, of: GroupAddress, range: ReplayRange): Promise<number> {
  const { reader, names } = tools
  checkPlace('from', range.from, ['first'])
  if (range.to !== undefined) checkPlace('to', range.to, [])
  const topic = names.channel(of.channel)
  const partitions = await reader.partitions(topic)
  const [from, to] = await Promise.all([reader.offsets(topic, partitions, range.from), reader.offsets(topic, partitions, range.to ?? 'last')])
  let count = 0
  for (const partition of partitions) {
    const end = to.get(partition) ?? 0
    for (let next = from.get(partition) ?? 0; next < end; ) {
      const records = await reader.read({ topic, partition }, next)
      const last = records.at(-1)
      if (!last) break
      const copies = records.filter(({ offset }) => offset < end).map((record) => copyOf(record, range, tools.runtime))
      await send(tools, names.retry(of), copies, `partition ${partition} from offset ${next} on, after ${countOf(count, 'message')}`)
      count += copies.length
      next = last.offset + 1
    }
  }

  return count
}

/** A driver takes a moment that is none for the beginning, or throws an error of its own. */
function checkPlace(name: string, found: unknown, words: readonly string[]): void {
  if (words.some((word) => word === found) || (found instanceof Date && Number.isFinite(found.getTime()))) return
  const choices = [...words.map((word) => `"${word}"`), 'a Date'].join(' or ')
  throw new WaybillError(
    'BAD_PLACE',
    `"${name}" is expected to be ${choices} and is ${found instanceof Date ? 'a Date that is no moment' : (JSON.stringify(found) ?? typeof found)}.`,
  )
}

async function send({ publisher }: ReplayTools, topic: string, copies: readonly WireRecord[], where: string): Promise<void> {
  const outcomes: PublishOutcome[] = []
  if (copies.length === 0) return
  await new Promise<void>((resolve) => {
    publisher.copy(topic, copies, (_index, outcome) => {
      if (outcomes.push(outcome) === copies.length) resolve()
    })
  })
  const failed = outcomes.find(({ kind }) => kind !== 'confirmed')
  if (failed && failed.kind !== 'confirmed') throw new BrokerRefused('REPLAY_STOPPED', `The replay stopped in ${where}: ${failed.reason}. Begin it again from there.`)
}

/** What counts tries is not copied: a record that everybody may write says nothing of them. */
const dropped: ReadonlySet<string> = new Set([header.attempt, header.redriven, header.due])

function copyOf(record: LogRecord, { newIds = false }: ReplayRange, runtime: Runtime): WireRecord {
  const idHeader = envelopePrefix + attribute.id
  const found = record.headers()
  const headers: (string | Uint8Array)[] = []
  for (const name of Object.keys(found)) {
    if (dropped.has(name)) continue
    for (const value of [found[name]].flat()) {
      const part = typeof value === 'string' || value instanceof Uint8Array ? value : ''
      if (newIds && name === idHeader) headers.push(name, runtime.id(), header.originId, part)
      else if (!newIds || name !== header.originId) headers.push(name, part)
    }
  }
  const content = { key: record.key, value: record.value ?? Buffer.alloc(0), headers }

  return { ...content, size: sizeOfContent(content) }
}
