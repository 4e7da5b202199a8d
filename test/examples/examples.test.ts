import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const execute = promisify(execFile)
const examples = new URL('../../examples/', import.meta.url)
// The first one is a service: it runs until it is told to end, and has a test of its own.
const running = ['01-hello']
const names = readdirSync(examples).filter((name) => existsSync(new URL(`${name}/expected.txt`, examples)) && !running.includes(name))

test.each(names)(
  '%s prints what expected.txt says, and ends by itself',
  async (name) => {
    const { stdout, stderr } = await execute(process.execPath, [fileURLToPath(new URL(`${name}/dist/main.js`, examples))], { timeout: 30_000 })

    expect(stderr).toBe('')
    expect(stdout).toBe(readFileSync(new URL(`${name}/expected.txt`, examples), 'utf8'))
  },
  60_000,
)

test.each(names)('%s is read in a minute: under 60 lines', (name) => {
  expect(
    readFileSync(new URL(`${name}/src/main.ts`, examples), 'utf8')
      .trim()
      .split('\n').length,
  ).toBeLessThan(60)
})

test('one command builds an example and runs it, by its number', async () => {
  const { stdout } = await execute('npm', ['run', '--silent', 'example', '02'], { cwd: fileURLToPath(new URL('../', examples)), timeout: 100_000 })

  expect(stdout).toContain(readFileSync(new URL('02-retry-and-dead-letter/expected.txt', examples), 'utf8'))
}, 120_000)

test('an example that does not exist is refused with those that do', async () => {
  const run = execute('npm', ['run', '--silent', 'example', '99'], { cwd: fileURLToPath(new URL('../', examples)) })

  await expect(run).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/found "99"\. There are: 01-hello, 02-/) })
}, 60_000)
