import kafkajs from 'kafkajs'
import type { Codecs } from '../fetch-answer.js'

/** By what kafkajs has for it, so that a codec which the user added there is used here. */
export const driverCodecs: Codecs = {
  find(codec) {
    const known: Readonly<Record<number, () => { decompress(bytes: Buffer): Promise<Buffer> }>> = kafkajs.CompressionCodecs
    try {
      const found = known[codec]?.()

      return found && ((records) => found.decompress(records))
    } catch {
      // Nobody added it: kafkajs keeps an error in its place.
      return undefined
    }
  },
}
