// npm run dev: the shop, built and started again at each save. What follows `--` goes to the shop, which is asked first whether it takes that.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { readArguments } from '../../examples/shop/src/arguments.mjs'
import { build } from './build.mjs'
import { install } from './install.mjs'
import { root } from './steps.mjs'

readArguments()
await install()
await build(['examples/shop'])

const watch = (program, args) => spawn(program, args, { cwd: root, stdio: 'inherit' })
const compiler = watch(join(root, 'node_modules/.bin/tsc'), ['-b', '--watch', '--preserveWatchOutput', 'examples/shop'])
const shop = watch(process.execPath, ['--watch', '--watch-preserve-output', '--enable-source-maps', 'examples/shop/dist/main.js', ...process.argv.slice(2)])

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    compiler.kill(signal)
    shop.kill(signal)
  })
}
