import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import type { Runtime } from './runtime.js'

/** Kept fresh this often; one of another machine that was silent for longer than {@link staleMs} is nobody's any more. */
const touchMs = 5_000
const staleMs = 30_000

const held = new Set<string>()

export interface DirectoryLock {
  /** What the lock is called within the folder. */
  readonly name: string
  readonly runtime: Runtime
  /** What is thrown where another has it. `by`: which process, undefined for this one. `file`: the lock. */
  occupied(by: string | undefined, file: string): Error
}

/**
 * Takes a folder for one user alone, for adapters that keep files which two would break. Makes the folder where it is missing. The lock names its
 * owner; one whose owner is gone is taken over. Returns the release.
 */
export function lockDirectory(folder: string, lock: DirectoryLock): () => void {
  const file = join(resolve(folder), lock.name)
  mkdirSync(folder, { recursive: true })
  if (!take(file, lock)) {
    const found = read(file)
    if (found && isAlive(found, file, lock)) throw lock.occupied(nameOf(found), file)
    if (found) setAside(file, found.text, lock)
    if (!take(file, lock)) throw lock.occupied(nameOf(read(file)), file)
  }
  held.add(file)
  const stop = keepFresh(file, lock)

  return () => {
    stop()
    if (held.delete(file)) rmSync(file, { force: true })
  }
}

interface Owner {
  readonly text: string
  readonly pid: number
  readonly host: string
  readonly started: string
}

// A link appears whole, with its owner in it, or not at all: nobody reads a lock without an owner.
function take(file: string, { runtime }: DirectoryLock): boolean {
  // Process ids are not alone: containers that share the folder have the same ones.
  const mine = `${file}.${runtime.id()}`
  writeFileSync(mine, JSON.stringify({ pid: process.pid, host: hostname(), started: startOf(process.pid) }))
  try {
    linkSync(mine, file)

    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    rmSync(mine, { force: true })
  }
}

function read(file: string): Owner | undefined {
  try {
    const text = readFileSync(file, 'utf8')
    const { pid, host, started }: { pid?: unknown; host?: unknown; started?: unknown } = JSON.parse(text)

    return { text, pid: Number(pid), host: String(host), started: String(started) }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined

    return { text: '', pid: 0, host: hostname(), started: '' }
  }
}

function isAlive({ pid, host, started }: Owner, file: string, { runtime }: DirectoryLock): boolean {
  if (host !== hostname()) return runtime.now() - statSync(file).mtimeMs < staleMs
  // A container that starts again has the same id, and often the same process id.
  if (pid === process.pid) return held.has(file)

  return runs(pid) && startOf(pid) === started
}

function runs(pid: number): boolean {
  if (!pid) return false
  try {
    process.kill(pid, 0)

    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/** Tells a process from a later one with the same id, where the system has /proc. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')

    return stat.slice(stat.lastIndexOf(')')).split(' ')[20] ?? ''
  } catch {
    return ''
  }
}

// Of two processes that find the same old lock one may have put its own there meanwhile: that one goes back.
function setAside(file: string, expected: string, { runtime }: DirectoryLock): void {
  const aside = `${file}.old-${runtime.id()}`
  try {
    renameSync(file, aside)
    if (expected !== '' && readFileSync(aside, 'utf8') !== expected) linkSync(aside, file)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function keepFresh(file: string, { runtime }: DirectoryLock): () => void {
  let cancel: () => void = () => undefined
  const touchLater = (): void => {
    cancel = runtime.after(touchMs, () => {
      touch(file, new Date(runtime.now()))
      touchLater()
    })
  }
  touchLater()

  return () => cancel()
}

function touch(file: string, now: Date): void {
  try {
    utimesSync(file, now, now)
  } catch {
    // Somebody deleted the lock by hand; there is nothing to keep fresh.
  }
}

function nameOf(owner: Owner | undefined): string | undefined {
  if (!owner) return 'another process'

  return owner.pid === process.pid && owner.host === hostname() ? undefined : `process ${owner.pid} on "${owner.host}"`
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
