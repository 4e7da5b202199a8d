import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const here = fileURLToPath(new URL('.', import.meta.url))
const compiler = join(here, '../../node_modules/.bin/tsc')

test('what users write compiles, and each of their mistakes is refused', { timeout: 60_000 }, async () => {
  const output = await compile()

  expect(output).toBe('')
})

/** What the compiler has to say: nothing, or every error. */
function compile(): Promise<string> {
  return new Promise((resolve) => {
    execFile(compiler, ['--noEmit', '-p', here, '--pretty', 'false'], (error, stdout, stderr) => resolve(error ? stdout + stderr || error.message : ''))
  })
}
