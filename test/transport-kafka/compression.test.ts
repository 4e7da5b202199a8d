import { gzipSync } from 'node:zlib'
import { compressionsAlgorithms } from '@platformatic/kafka'
import { kafka, type KafkaCodec, type KafkaCodecs, type KafkaOptions } from '@waybill/transport-kafka'
import { describe, expect, test } from 'vitest'
import { codecsOf } from '../../packages/transport-kafka/src/compression.js'
import { type Packer, storedSnappy, storedZstd } from './stored-codecs.js'
import { bed, brokers, channelOf, drivers, eventually, listen, message, send } from './bed.js'

type Tell = (bytes: number) => void

const { compressSync, decompressSync } = compressionsAlgorithms.lz4
const given = {
  lz4: (tell: Tell): KafkaCodecs => ({ lz4: told({ compress: compressSync, decompress: decompressSync }, tell) }),
  snappy: (tell: Tell): KafkaCodecs => ({ snappy: told(storedSnappy, tell) }),
  zstd: (tell: Tell): KafkaCodecs => ({ zstd: told(storedZstd, tell) }),
}
const text = 'many letters, many letters, '.repeat(50)

describe('records that are compressed', () => {
  const { channel, party } = bed()

  for (const [compression, codecsFor] of Object.entries(given))
    test.each(drivers)(`by a codec for ${compression} that the user gives are taken by the broker and read again, through %s`, async (_, options) => {
      const packed: number[] = []
      const name = channel()
      const codecs = codecsFor((bytes) => packed.push(bytes))
      const one = await party([channelOf(name)], { options: { ...options, compression: compression as keyof typeof given, codecs } })
      const inbox = await listen(one, { kind: 'group', channel: name, group: 'billing', window: 10 })

      const outcomes = await send(
        one.transport,
        ['1', '2', '3'].map((end) => message(name, text + end)),
      )
      await eventually(() => inbox.received.length === 3)

      expect(outcomes.map(({ kind }) => kind)).toEqual(['confirmed', 'confirmed', 'confirmed'])
      expect(inbox.texts()).toEqual(['1', '2', '3'].map((end) => text + end))
      expect(packed.length).toBeGreaterThan(0)
    })

  test('B09 that are a bomb of gzip are not unpacked', async () => {
    const unpack = codecsOf({ codecs: {} }).find(1)
    const bomb = gzipSync(Buffer.alloc(129 * 1024 * 1024), { level: 1 })

    await expect(unpack?.(bomb)).rejects.toMatchObject({ code: 'CODEC_FAILED' })
  })

  test('are rejected, and nothing is sent, where the codec throws', async () => {
    const name = channel()
    const compress = (): never => {
      throw new Error('not today')
    }
    const one = await party([channelOf(name)], { options: { compression: 'zstd', codecs: { zstd: { compress, decompress: compress } } } })

    const [outcome] = await send(one.transport, [message(name, text)])

    expect(outcome).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('"zstd"') })
    expect(outcome).toMatchObject({ reason: expect.stringContaining('not today') })
  })

  test.each<[string, Partial<KafkaOptions>]>([
    ['"compression" is "zstd", which needs "codecs"', { compression: 'zstd' }],
    ['"codecs" needs "decompress"', { codecs: { lz4: {} } as unknown as KafkaCodecs }],
    ['"codecs" is an object', { codecs: 'lz4' as unknown as KafkaCodecs }],
    ['lz5', { codecs: { lz5: { decompress: (records: Buffer) => records } } as unknown as KafkaCodecs }],
  ])('are a fault of the options: %s', (said, options) => {
    const { faults } = kafka({ brokers, ...options })

    expect(faults?.map(({ message: found }) => found).join(' ')).toContain(said)
  })
})

function told({ compress, decompress }: Packer, tell: Tell): KafkaCodec {
  return {
    compress(records) {
      const packed = compress(records)
      tell(packed.length)

      return packed
    },
    decompress,
  }
}
