import { BrokerRefused, lockDirectory, type Logger, type Runtime } from '@waybill/core'
import { renameSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Turn } from '../broker/turn.js'
import { newPathOf, syncDirectory } from './compaction.js'
import { Journal } from './journal.js'
import { fileHead, JournalFile } from './journal-file.js'
import { type Contents, readFile } from './read-file.js'
import { readRecord, type BrokerRecord } from './record.js'
import { Replay } from './replay.js'

export interface JournalOptions {
  readonly folder: string
  /** A confirm waits until the disk has it, not only the system. */
  readonly syncs: boolean
}

export interface JournalHost {
  readonly turn: Turn
  readonly runtime: Runtime
  readonly log: Logger
  records(): Iterable<BrokerRecord>
}

/** Takes the folder and reads what is in it. Rejects with a sentence where either cannot be done, and leaves everything as it was. */
export async function openJournal({ folder, syncs }: JournalOptions, host: JournalHost): Promise<{ readonly journal: Journal; readonly replay: Replay }> {
  const path = join(resolve(folder), 'journal')
  const unlock = await usable(folder, () => lockDirectory(folder, { name: 'journal.lock', runtime: host.runtime, occupied: (by, file) => occupied(folder, by, file) }))
  try {
    return await usable(folder, async () => {
      const replay = new Replay()
      const { file, marker } = await openFile(path, replay, host)

      return { journal: new Journal({ ...host, records: () => host.records(), path, file, marker, syncs, unlock }), replay }
    })
  } catch (error) {
    unlock()
    throw error
  }
}

async function openFile(path: string, replay: Replay, { runtime, log }: JournalHost): Promise<{ readonly file: JournalFile; readonly marker: number }> {
  rmSync(newPathOf(path), { force: true })
  const contents = await read(path, replay)
  if (contents === undefined) return begin(path, Math.floor(runtime.random() * 2 ** 32))
  if (contents.cutBytes > 0) {
    log.warn('The journal of the memory broker ended in a write that was cut short. It was never confirmed and is gone; everything before it is there.', {
      file: path,
      at: contents.end,
      cutBytes: contents.cutBytes,
    })
  }
  if (contents.end === 0) return begin(path, Math.floor(runtime.random() * 2 ** 32))

  return { file: new JournalFile(path, contents.end), marker: contents.marker }
}

/** Undefined where there is none. */
async function read(path: string, replay: Replay): Promise<Contents | undefined> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  })
  if (handle === undefined) return undefined
  try {
    return await readFile(path, handle, (payload) => readRecord(payload, replay))
  } finally {
    await handle.close()
  }
}

/** It gets its name once its head is on disk, so that no journal is without one. */
async function begin(path: string, marker: number): Promise<{ readonly file: JournalFile; readonly marker: number }> {
  const file = new JournalFile(newPathOf(path), 'new')
  file.append(fileHead(marker))
  await file.sync()
  renameSync(newPathOf(path), path)
  await syncDirectory(dirname(path))

  return { file, marker }
}

async function usable<T>(folder: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof BrokerRefused) throw cause
    throw new BrokerRefused(
      'FOLDER_UNUSABLE',
      `The option "folder" of memory() was expected to be a folder that this process may write; with "${folder}" it found: ${String(cause)}. Take another folder, or give this one rights and room.`,
      { cause },
    )
  }
}

function occupied(folder: string, by: string | undefined, file: string): BrokerRefused {
  return new BrokerRefused(
    'FOLDER_IN_USE',
    `The folder "${folder}" of memory() was expected to be free; ${by ?? 'another broker of this process'} has it open, and two that write one journal would break it. ` +
      `Stop that one, take another folder, or share one memoryBroker({ folder }) within a process. If it is certainly gone, delete "${file}".`,
  )
}
