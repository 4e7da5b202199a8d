import { BrokerRefused } from '@waybill/core'
import { ByteReader } from './byte-reader.js'
import { codecNameOf } from './compression.js'
import type { BatchHead } from './log-batch.js'
import { LogBatch } from './log-batch.js'
import type { Unreadable } from './unreadable.js'

/** What kafkajs makes of an answer, with batches in the place of its messages. */
export interface FetchAnswer {
  readonly throttleTime: number
  readonly clientSideThrottleTime: number
  readonly errorCode: number
  readonly responses: readonly { readonly topicName: string; readonly partitions: readonly FetchedPartition[] }[]
}

/** How records are unpacked, by the number that Kafka gave to a compression. */
export interface Codecs {
  find(codec: number): ((records: Buffer) => Promise<Buffer>) | undefined
}

export interface FetchedPartition {
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: string
  readonly abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[]
  readonly preferredReadReplica: number
  readonly messages: readonly LogBatch[]
  /** What comes behind them: nothing is read there and beyond. */
  readonly unreadable: Unreadable | undefined
}

const withLogStart = 5
const withSession = 7
const withReplica = 11
const nobody = -1
/** First offset, length, epoch and format. */
const batchStart = 17
const formatAt = 16
const latestTimeAt = 35
const batchHead = 61
const lengthFrom = 12
const format = 2
const codecBits = 7
const appendTimeBit = 8
const transactionBit = 16
const controlBit = 32

/** An answer to a fetch of version 4 to 11. kafkajs reads every record at once, with some dozens of objects for each. */
export async function decodeFetch(answer: Buffer, version: number, codecs: Codecs): Promise<FetchAnswer> {
  const reader = new ByteReader(answer)
  const throttled = reader.int32()
  const errorCode = version >= withSession ? reader.int16() : 0
  if (version >= withSession) reader.int32()
  const responses = []
  for (let topics = reader.int32(); topics > 0; topics--) responses.push(await topicOf(reader, version, codecs))

  return { throttleTime: 0, clientSideThrottleTime: throttled, errorCode, responses }
}

async function topicOf(reader: ByteReader, version: number, codecs: Codecs): Promise<FetchAnswer['responses'][number]> {
  const topicName = reader.text()
  const partitions = []
  for (let left = reader.int32(); left > 0; left--) partitions.push(await partitionOf(reader, version, codecs))

  return { topicName, partitions }
}

async function partitionOf(reader: ByteReader, version: number, codecs: Codecs): Promise<FetchedPartition> {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const highWatermark = String(reader.int64())
  reader.int64()
  if (version >= withLogStart) reader.int64()
  const abortedTransactions = []
  for (let left = reader.int32(); left > 0; left--) abortedTransactions.push({ producerId: String(reader.int64()), firstOffset: String(reader.int64()) })
  const preferredReadReplica = version >= withReplica ? reader.int32() : nobody
  const found = await batchesOf(reader.take(Math.max(0, reader.int32())), codecs)

  return { partition, errorCode, highWatermark, abortedTransactions, preferredReadReplica, ...found }
}

/** The last batch may be cut off: it comes whole with the next fetch. */
async function batchesOf(bytes: Buffer, codecs: Codecs): Promise<Pick<FetchedPartition, 'messages' | 'unreadable'>> {
  const messages: LogBatch[] = []
  for (let at = 0; at + batchStart < bytes.length; ) {
    const end = at + lengthFrom + bytes.readInt32BE(at + 8)
    if (end > bytes.length) break
    const batch = bytes.subarray(at, end)
    try {
      messages.push(await batchOf(batch, codecs))
    } catch (error) {
      return { messages, unreadable: { offset: Number(batch.readBigInt64BE()), timestamp: latestTimeIn(batch), error } }
    }
    at = end
  }

  return { messages, unreadable: undefined }
}

function latestTimeIn(batch: Buffer): number | undefined {
  return batch[formatAt] === format && batch.length >= batchHead ? Number(batch.readBigInt64BE(latestTimeAt)) : undefined
}

async function batchOf(bytes: Buffer, codecs: Codecs): Promise<LogBatch> {
  const reader = new ByteReader(bytes)
  const firstOffset = reader.int64()
  reader.at = formatAt
  const found = reader.int8()
  if (found !== format) {
    throw new BrokerRefused(
      'KAFKA_TOO_OLD',
      `The records at offset ${firstOffset} were expected in format ${format} and are in format ${found}. Copy the topic with a client of Kafka 0.11 or later.`,
    )
  }
  reader.at += 4
  const attributes = reader.int16()
  const head = headOf(reader, firstOffset, attributes)

  return new LogBatch(head, await unpacked(bytes.subarray(reader.at), attributes & codecBits, codecs))
}

function headOf(reader: ByteReader, firstOffset: number, attributes: number): BatchHead {
  const lastOffset = firstOffset + reader.int32()
  const firstTimestamp = reader.int64()
  const lastTimestamp = reader.int64()
  const producerId = String(reader.int64())
  reader.at += 6

  return {
    firstOffset,
    lastOffset,
    firstTimestamp,
    appendedAt: attributes & appendTimeBit ? lastTimestamp : undefined,
    producerId,
    inTransaction: (attributes & transactionBit) !== 0,
    isControl: (attributes & controlBit) !== 0,
    count: reader.int32(),
  }
}

async function unpacked(records: Buffer, codec: number, codecs: Codecs): Promise<Buffer> {
  if (codec === 0) return records
  const unpack = codecs.find(codec)
  if (!unpack) throw unknownCodec(codec)

  return unpack(records)
}

function unknownCodec(codec: number): BrokerRefused {
  const name = codecNameOf(codec)
  if (name === undefined) return new BrokerRefused('CODEC_UNKNOWN', `The records were expected in a compression that Kafka 4 knows and are in number ${codec}.`)

  return new BrokerRefused(
    'CODEC_UNKNOWN',
    `The records were expected in a compression that is unpacked here and are packed by "${name}". Give kafka() the way to unpack them: "codecs": { ${name}: { decompress } }.`,
  )
}

/** The batches of an answer that was asked for by itself: what cannot be read is an error where nothing is before it. */
export function readable({ messages, unreadable }: FetchedPartition): readonly LogBatch[] {
  if (unreadable && messages.length === 0) throw unreadable.error

  return messages
}
