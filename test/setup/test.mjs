// npm test: install, build, check, brokers, suites. What follows `--` and is no option filters the test files.
//   --quick   the memory broker only, and no check      --long   also *.long.test.ts      --node 24   the suites on that version of Node
import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { brokers, ready } from './brokers.mjs'
import { build } from './build.mjs'
import { check } from './check.mjs'
import { install } from './install.mjs'
import { useNode } from './node.mjs'
import { keep, main, readArguments, root, step, tool } from './steps.mjs'

const { quick, long, node, filters } = readOptions()

async function test() {
  const count = { passed: 0, failed: 0, skipped: 0 }
  const attempt = async (work) => {
    try {
      await work()

      return true
    } catch (error) {
      console.error(error.message)
      count.failed += 1

      return false
    }
  }

  if (await attempt(prepare)) {
    if (!quick) await attempt(check)
    if (node) await attempt(() => useNode(node))
    const missing = quick ? brokers : await findMissing(attempt)
    await step('suites', () => suites(missing, count))
    if (!quick) missing.forEach(sayNotRun)
  }
  if (count.passed === 0 || count.failed > 0) process.exitCode = 1
  console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
}

function readOptions() {
  const { values, positionals } = readArguments({ quick: { type: 'boolean' }, long: { type: 'boolean' }, node: { type: 'string' } }, { allowPositionals: true })

  return { ...values, filters: positionals }
}

async function prepare() {
  await install()
  await build()
}

// On a person's machine a broker that cannot be had is said and passed over; in CI it is a failure.
async function findMissing(attempt) {
  const missing = []
  for (const broker of brokers) {
    const found = process.env.CI ? await attempt(() => ready(broker)) : await ready(broker).then(() => true, sayWhy)
    if (!found) missing.push(broker)
  }

  return missing
}

function sayWhy(error) {
  console.error(error.message)

  return false
}

/** Runs the suites but those of these brokers, and adds up what vitest reports. */
async function suites(missing, count) {
  const report = keep(`report-${process.pid}.json`)
  // The full run has what starts processes or the compiler, and what proves itself by its number of tries.
  const slow = quick && filters.length === 0 ? ['simulation/**', 'packages/**', 'faults/**', 'e2e/**', 'examples/**', 'types/**', 'fuzz/**', 'contract/memory-folder.test.ts'] : []
  const excluded = [...slow.map((glob) => `test/${glob}`), ...missing.map(({ name }) => `test/**/*${name}*{,/**}`), ...(long ? [] : ['test/**/*.long.test.ts'])]
  const options = ['run', '-c', 'test/vitest.config.ts', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  process.on('exit', () => rmSync(report, { force: true }))

  const code = await tool('vitest', [...options, ...excluded.flatMap((glob) => ['--exclude', glob]), ...filters], { show: true }).then(
    () => 0,
    (error) => error.code,
  )
  const found = read(report)
  count.passed += found.numPassedTests
  count.skipped += found.numPendingTests + found.numTodoTests
  // A file that does not load and an error outside every test fail the run, and no test.
  const files = found.testResults.filter(({ status, assertionResults }) => status === 'failed' && assertionResults.every((one) => one.status !== 'failed'))
  const failed = found.numFailedTests + files.length
  count.failed += failed === 0 && code !== 0 ? 1 : failed

  return code === 0 ? 'done' : 'with failures'
}

function read(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] }
  }
}

function sayNotRun({ name, title }) {
  const files = readdirSync(join(root, 'test'), { recursive: true }).filter((file) => file.endsWith('.test.ts') && file.includes(name))
  console.log(`\nNot run, because ${title} is missing (start it with "node test/setup/brokers.mjs start ${name}"):`)
  for (const file of files) console.log(`  test/${file}`)
}

await main(import.meta.url, test)
