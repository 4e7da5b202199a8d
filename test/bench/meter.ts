import { readFileSync } from 'node:fs'

/** What a stretch of work cost. */
export interface Cost {
  readonly elapsedMs: number
  /** Of this process, all threads, user and system. */
  readonly cpuMicros: number
  /** Of the broker's process, where it can be read. */
  readonly brokerCpuMicros: number | undefined
}

/** Starts the clocks; the function it returns reads them. `worksIn` is a process whose time counts as if it were this one's. */
export function startMeter(brokerPid: number | undefined, worksIn?: number): () => Cost {
  const begin = performance.now()
  const cpu = process.cpuUsage()
  const broker = processCpuMicros(brokerPid)
  const other = processCpuMicros(worksIn) ?? 0

  return () => {
    const elapsedMs = performance.now() - begin
    const used = process.cpuUsage(cpu)
    const brokerNow = processCpuMicros(brokerPid)

    return {
      elapsedMs,
      cpuMicros: used.user + used.system + (processCpuMicros(worksIn) ?? 0) - other,
      brokerCpuMicros: broker === undefined || brokerNow === undefined ? undefined : brokerNow - broker,
    }
  }
}

/** The most memory this process ever had, and the one it works in. */
export function peakRssMb(worksIn?: number): number {
  return (process.resourceUsage().maxRSS + peakRssKb(worksIn)) / 1024
}

const microsPerTick = 10_000

/** From Linux's /proc; undefined elsewhere, or when the process is not known. */
function processCpuMicros(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')

    return (Number(fields[11]) + Number(fields[12])) * microsPerTick
  } catch {
    return undefined
  }
}

/** From Linux's /proc; 0 elsewhere, or when the process is not known. */
function peakRssKb(pid: number | undefined): number {
  if (pid === undefined) return 0
  try {
    return Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
