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

const shop = spawn(process.execPath, ['--enable-source-maps', 'examples/shop/dist/main.js', ...args], { cwd: root, stdio: 'inherit' })
// The shop ends by itself when it is told to; this process only outlives it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => shop.kill(signal))
shop.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
