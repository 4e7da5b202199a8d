import { promisify } from 'node:util'
import { gunzip, gzip, type ZlibOptions } from 'node:zlib'
import { BrokerRefused } from '@waybill/core'
import { sentenceOf } from './broker-error.js'
import type { Codecs } from './fetch-answer.js'
import type { Compression, KafkaCodec, ResolvedOptions } from './options.js'

/** How the records of what is published are packed. */
export interface Packing {
  /** Kafka's number for it. */
  readonly codec: number
  /** Rejects where it cannot be done; nothing was sent then. */
  pack(records: Buffer): Promise<Buffer>
}

const numbers = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const satisfies Record<Exclude<Compression, 'none'>, number>
const names = Object.keys(numbers) as readonly (keyof typeof numbers)[]
/** A batch of a MiB may hold a thousand times as much, which no process has the memory for. */
const mostUnpacked = 128 * 1024 * 1024
const unzip = promisify<Buffer, ZlibOptions, Buffer>(gunzip)
const builtIn: KafkaCodec = { compress: promisify<Buffer, Buffer>(gzip), decompress: (records) => unzip(records, { maxOutputLength: mostUnpacked }) }

/** What Kafka calls a compression of that number; undefined where it has none. */
export function codecNameOf(number: number): string | undefined {
  return names.find((one) => numbers[one] === number)
}

/** Undefined: records are sent as they are. */
export function packingOf({ compression, codecs }: Pick<ResolvedOptions, 'compression' | 'codecs'>): Packing | undefined {
  if (compression === 'none') return undefined
  const compress = { gzip: builtIn, ...codecs }[compression]?.compress

  return compress && { codec: numbers[compression], pack: (records) => attempt(compression, compress, records) }
}

/** What is given, else what is built in, else what the driver has. */
export function codecsOf({ codecs }: Pick<ResolvedOptions, 'codecs'>, others?: Codecs): Codecs {
  const known = { gzip: builtIn, ...codecs }

  return {
    find(number) {
      const name = names.find((one) => numbers[one] === number)
      const codec = name && known[name]

      return codec ? (records) => attempt(name, codec.decompress, records) : others?.find(number)
    },
  }
}

async function attempt(name: string, work: (records: Buffer) => Uint8Array | Promise<Uint8Array>, records: Buffer): Promise<Buffer> {
  try {
    const made = await work(records)

    return Buffer.isBuffer(made) ? made : Buffer.from(made.buffer, made.byteOffset, made.byteLength)
  } catch (error) {
    // Without the cause: what a stranger's error is called says nothing about the broker.
    throw new BrokerRefused(
      'CODEC_FAILED',
      `The codec "${name}" was expected to take ${records.length} bytes of records and threw: ${sentenceOf(error)}. Look at what kafka() was given as "codecs".`,
    )
  }
}
