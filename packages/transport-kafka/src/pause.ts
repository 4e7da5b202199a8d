import type { Runtime } from '@waybill/core'

export function pause(runtime: Runtime, ms: number): Promise<void> {
  return new Promise((resolve) => void runtime.after(ms, resolve))
}
