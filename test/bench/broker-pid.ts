import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Endpoint } from './broker.js'

const listening = '0A'
const local = ['127.0.0.1', 'localhost', '::1']

/** The process that listens at a port of this machine, by Linux's /proc. Undefined elsewhere, or where it may not be seen. */
export function findListener(endpoint: Endpoint | undefined): number | undefined {
  if (!endpoint || !local.includes(endpoint.host)) return undefined
  const sockets = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningInodes(table, endpoint.port)).map((inode) => `socket:[${inode}]`))
  if (sockets.size === 0) return undefined

  return list('/proc')
    .map(Number)
    .filter(Number.isInteger)
    .find((pid) => holdsOne(pid, sockets))
}

function listeningInodes(table: string, port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')

  return readTable(table)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[3] === listening && columns[1]?.endsWith(`:${hexPort}`))
    .map((columns) => columns[9] as string)
}

function readTable(table: string): string[] {
  try {
    return readFileSync(table, 'latin1').split('\n').slice(1)
  } catch {
    return []
  }
}

function holdsOne(pid: number, sockets: ReadonlySet<string>): boolean {
  return list(`/proc/${pid}/fd`).some((descriptor) => {
    try {
      return sockets.has(readlinkSync(`/proc/${pid}/fd/${descriptor}`))
    } catch {
      return false
    }
  })
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
