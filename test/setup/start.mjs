// npm start: installs and builds what the shop needs, and runs it. What follows `--` goes to the shop.
import { spawn } from 'node:child_process'
import { brokers, ready } from './brokers.mjs'
import { build } from './build.mjs'
import { install } from './install.mjs'
import { root } from './steps.mjs'

const args = process.argv.slice(2)

try {
  await install()
  await build(['examples/shop'])
  const wanted = brokers.find(({ name }) => args.includes(name) || args.includes(`--broker=${name}`))
  if (wanted) await ready(wanted)
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

// In a group of its own: the terminal tells a whole group of a Ctrl-C, and npm passes it on once more. The shop hears it once.
const shop = spawn(process.execPath, ['--enable-source-maps', 'examples/shop/dist/main.js', ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], detached: true })
let toldAt = Number.NEGATIVE_INFINITY
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (performance.now() - toldAt > 300) shop.kill(signal)
    toldAt = performance.now()
  })
}
shop.on('exit', (code) => process.exit(code ?? 1))
