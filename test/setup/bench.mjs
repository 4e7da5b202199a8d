// npm run bench: installs, builds, and hands everything that follows `--` to the benchmark.
import { build } from './build.mjs'
import { install } from './install.mjs'
import { main, run } from './steps.mjs'

await main(import.meta.url, async () => {
  // What the benchmark prints with --json is read by programs: the steps before it speak on the other stream.
  console.log = console.error
  await install()
  await build(['test/bench'])
  // It has said by itself what went wrong, in its last line.
  await run(process.execPath, ['test/bench/run.mjs', ...process.argv.slice(2)], { show: true }).catch(({ code }) => (process.exitCode = code))
})
