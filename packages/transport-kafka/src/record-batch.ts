import { sentenceOf } from './broker-error.js'
import { ByteWriter, sizeOfPart, sizeOfVarint } from './byte-writer.js'
import type { Packing } from './compression.js'
import { crc32c } from './crc32c.js'
import type { WireRecord } from './wire.js'

/** What one produce request carries: records for one partition. */
export interface RecordBatch {
  readonly topic: string
  readonly partition: number
  readonly records: readonly WireRecord[]
  /** Of all of them, in ms. */
  readonly timestamp: number
}

const allReplicas = -1
const none = -1
/** The broker gives up waiting for its replicas after so long: kafkajs asks for the same. */
const replicasMs = 30_000
/** What stands before the batch, beside the name of the topic. */
const requestHead = 26
/** First offset and length. */
const batchStart = 12
/** From there to the first record. */
const batchHead = 49
const checksumAt = 17
const checkedFrom = 21
const format = 2
const int32Size = 4

/**
 * A produce request from version 3 on with one uncompressed batch, byte for byte as kafkajs writes it: kafkajs makes a
 * zeroed buffer of 512 bytes for each record and each header, which costs more than all else that a publish does.
 */
export function encodeProduce(batch: RecordBatch): Buffer {
  const topicSize = Buffer.byteLength(batch.topic)
  const size = sizeOfBatch(batch.records)
  const out = new ByteWriter(requestHead + topicSize + batchStart + size)
  out.int16(none)
  out.int16(allReplicas)
  out.int32(replicasMs)
  out.int32(1)
  out.int16(topicSize)
  out.utf8(batch.topic)
  out.int32(1)
  out.int32(batch.partition)
  out.int32(batchStart + size)
  try {
    writeBatch(out, batch, size)
  } catch (error) {
    throw new RecordChanged(error)
  }

  return out.bytes
}

/**
 * The same request with its records compressed, where that makes it smaller: only what stands before them says so,
 * and is summed up anew.
 */
export async function compressProduce(request: Buffer, topic: string, { codec, pack }: Packing): Promise<Buffer> {
  const start = requestHead + Buffer.byteLength(topic)
  const first = start + batchStart + batchHead
  const records = await pack(request.subarray(first))
  if (first + records.length >= request.length) return request
  const out = Buffer.concat([request.subarray(0, first), records])
  out.writeInt32BE(out.length - start, start - int32Size)
  out.writeInt32BE(out.length - start - batchStart, start + batchStart - int32Size)
  out.writeInt16BE(codec, start + checkedFrom)
  out.writeUInt32BE(crc32c(out, start + checkedFrom, out.length), start + checksumAt)

  return out
}

/** What one record takes where it is sent alone and uncompressed, as the broker counts it. */
export function sizeAlone(record: WireRecord): number {
  return batchStart + sizeOfBatch([record])
}

/** The memory of a body was given away after it was published. Nothing was sent; the others of the batch can be. */
export class RecordChanged extends Error {
  /** Kafka's own word for it. */
  readonly type = 'INVALID_RECORD'

  constructor(reason: unknown) {
    super(`A body was expected to keep its memory until its publish is over, and did not: ${sentenceOf(reason)}`)
    this.name = 'RecordChanged'
  }
}

/** What key, value and headers of a record take in a request: exact. */
export function sizeOfContent({ key, value, headers }: Pick<WireRecord, 'key' | 'value' | 'headers'>): number {
  let size = (key === null ? sizeOfVarint(none) : sizeOfPart(key)) + sizeOfPart(value) + sizeOfVarint(headers.length >> 1)
  for (const part of headers) size += sizeOfPart(part)

  return size
}

function sizeOfBatch(records: readonly WireRecord[]): number {
  let size = batchHead
  for (let index = 0; index < records.length; index++) {
    const own = sizeOfRecord(records[index] as WireRecord, index)
    size += sizeOfVarint(own) + own
  }

  return size
}

/** Attributes and time take a byte each, and its place in the batch stands before its content. */
function sizeOfRecord({ size }: WireRecord, index: number): number {
  return 2 + sizeOfVarint(index) + size
}

function writeBatch(out: ByteWriter, { records, timestamp }: RecordBatch, size: number): void {
  const start = out.at
  out.int64(0)
  out.int32(size)
  out.int32(0)
  out.int8(format)
  out.int32(0)
  out.int16(0)
  out.int32(records.length - 1)
  out.int64(timestamp)
  out.int64(timestamp)
  out.int64(none)
  out.int16(0)
  out.int32(0)
  out.int32(records.length)
  for (let index = 0; index < records.length; index++) writeRecord(out, records[index] as WireRecord, index)
  if (out.at !== out.bytes.length) throw new RangeError(`${out.bytes.length} bytes were expected and ${out.at} are written`)
  out.bytes.writeUInt32BE(crc32c(out.bytes, start + checkedFrom, out.at), start + checksumAt)
}

function writeRecord(out: ByteWriter, record: WireRecord, index: number): void {
  const { key, value, headers } = record
  out.varint(sizeOfRecord(record, index))
  out.int8(0)
  out.int8(0)
  out.varint(index)
  if (key === null) out.varint(none)
  else out.part(key)
  out.part(value)
  out.varint(headers.length >> 1)
  for (const part of headers) out.part(part)
}
