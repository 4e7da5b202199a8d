import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runProgram } from '../e2e/program.js'

const folder = new URL('../../examples/01-hello/', import.meta.url)

test('hello prints what expected.txt says, and ends when it is told to', async () => {
  const expected = readFileSync(new URL('expected.txt', folder), 'utf8')
  const hello = runProgram('examples/01-hello/dist/main.js')

  await hello.shows(new RegExp(`^${expected.trim()}$`, 'm'))

  expect(await hello.end()).toBe(0)
})

test('the program in the README is the example that is run, line by line', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const program = readFileSync(new URL('src/main.ts', folder), 'utf8')

  expect(readme).toContain(`\`\`\`ts\n${program}\`\`\``)
  expect(program.trim().split('\n').length).toBeLessThan(20)
})
