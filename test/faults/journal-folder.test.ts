import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { eventually } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { runProgram } from '../e2e/program.js'

const keeper = 'test/faults/program/dist/keeper.js'
const filler = 'test/faults/program/dist/filler.js'

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-folder-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))

  return folder
}

test('a second process in one folder is refused and told which one has it; once that is killed it may', { timeout: 60_000 }, async () => {
  const folder = newFolder()
  const first = runProgram(keeper, folder, '0')
  await first.shows(/ready\n/)

  const second = runProgram(keeper, folder, '0')
  expect(await second.ended).toBe(1)
  const [, pid] = /The folder "[^"]+" of memory\(\) was expected to be free; process (\d+) on "/.exec(second.output) ?? []
  await first.end('SIGKILL')
  const third = runProgram(keeper, folder, '0')
  await third.shows(/ready\n/)

  expect(Number(pid)).toBeGreaterThan(1)
  expect(await third.end()).toBe(0)
})

test('a disk that is full rejects publishes with a sentence, takes what still fits, and loses nothing', { timeout: 60_000 }, async () => {
  const folder = newFolder()
  const program = new URL(`../../${filler}`, import.meta.url).pathname

  const { stdout } = await promisify(execFile)('bash', ['-c', 'ulimit -f 100; exec "$0" "$@"', process.execPath, program, folder])
  const kept = [...stdout.matchAll(/^kept (-?\d+)$/gm)].map(([, n]) => Number(n))
  const next = runProgram(filler, folder, 'hear')
  const heard = (): readonly number[] => [...next.output.matchAll(/^heard (-?\d+)$/gm)].map(([, n]) => Number(n))
  await eventually(() => heard().length >= kept.length, { within: 30_000 })

  expect(stdout).toMatch(/^refused \d+ .*rejected: the journal ".*journal" cannot be written: Error: E\w+.*\. Give it room and rights/m)
  expect(kept.length).toBeGreaterThan(5)
  expect(kept.at(-1)).toBe(-1)
  expect([...heard()].sort((a, b) => a - b)).toEqual([...kept].sort((a, b) => a - b))
  expect(await next.end()).toBe(0)
})
