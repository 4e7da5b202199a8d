import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, type History, history, seededRandom } from '@waybill/testing'
import { expect, onTestFinished, test } from 'vitest'
import { type Program, runProgram } from '../e2e/program.js'

/** The long run kills more often. */
const kills = Number(process.env['WAYBILL_KILLS'] ?? 3)

test.each(['write', 'always'])('P10 a process that is killed again and again loses nothing that was confirmed (sync "%s")', { timeout: 30_000 + kills * 10_000 }, async (sync) => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-kills-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const past = history()
  const random = seededRandom(`kills ${sync}`)

  for (let life = 1; life <= kills; life++) {
    const process = runProgram('test/faults/program/dist/keeper.js', folder, String(life), sync)
    const until = random.between(100, 1_500)
    await eventually(() => linesOf(process) > until, { within: 30_000 })
    expect(await process.end('SIGKILL'), process.output.slice(-2_000)).toBe(null)
    note(past, process.output)
  }
  const last = runProgram('test/faults/program/dist/keeper.js', folder, '0', sync)
  let noted = 0
  await eventually(
    () => {
      const whole = last.output.slice(0, last.output.lastIndexOf('\n') + 1)
      note(past, whole.slice(noted))
      noted = whole.length
      const { lost } = past.check({ groups: ['taker'] })
      if (lost.every(({ id }) => Number(id) % 83 === 0)) last.tell('letters')

      return lost.length === 0
    },
    { within: 30_000 },
  )
  const { lost, unexpected, contradicted, reordered, confirmed } = past.check({ groups: ['taker'] })

  expect({ lost, unexpected, contradicted, reordered }).toEqual({ lost: [], unexpected: [], contradicted: [], reordered: [] })
  expect(confirmed).toBeGreaterThan(kills * 20)
  expect(await last.end()).toBe(0)
  expect(readdirSync(folder)).toEqual(['journal'])
})

function linesOf({ output }: Program): number {
  return output.split('\n').length
}

function note(past: History, output: string): void {
  for (const line of output.split('\n')) {
    const [word, ...rest] = line.split(' ')
    const numbers = rest.filter((text) => /^\d+$/.test(text)).map(Number)
    for (const n of numbers) {
      if (word === 'sent') past.attempted(n)
      if (word === 'kept') past.confirmed(n)
      if (word === 'took') past.processed({ id: n, group: 'taker', key: `k${n % 5}`, sequence: n })
      // Told again and again: a letter is noted once more, which is no effect of a listener.
      if (word === 'letters') past.processed({ id: n, group: 'taker' })
    }
  }
}
