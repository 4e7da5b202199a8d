import { randomBytes } from 'node:crypto'
import { setImmediate, setTimeout } from 'node:timers'
import type { Runtime } from '@waybill/core'

/** The machine's own time and chance. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, work) {
    const timer = setTimeout(work, ms).unref()

    return () => clearTimeout(timer)
  },
  soon: (work) => void setImmediate(work),
  random: () => Math.random(),
  id() {
    const bytes = randomBytes(16)
    bytes.writeUIntBE(Date.now(), 0, 6)
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80

    return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  },
}
