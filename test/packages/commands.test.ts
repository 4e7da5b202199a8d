import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

test.each([
  ['build', 1, "Unknown option '--x'. This command knows no arguments."],
  ['check', 1, "Unknown option '--x'. This command knows --fix."],
  ['test', 1, "Unknown option '--x'. This command knows --quick, --long, --node <value>."],
  ['dev', 2, 'There is no option "--x".'],
])('npm run %s refuses an argument that it does not know, with those that it knows', (command, status, says) => {
  const ended = spawnSync(process.execPath, [`test/setup/${command}.mjs`, '--x'], { cwd: root, encoding: 'utf8' })

  expect(ended.stderr).toContain(says)
  expect(ended.status).toBe(status)
})
