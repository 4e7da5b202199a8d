// npm run dev: the shop, built and started again at each save. What follows `--` goes to the shop, which is asked first whether it takes that.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from './build.mjs'
import { install } from './install.mjs'
import { root } from './steps.mjs'

await install()
await build(['examples/shop'])

const args = process.argv.slice(2)
const wantsHelp = args.includes('--help')
const asked = spawnSync(process.execPath, ['examples/shop/dist/main.js', ...args, '--help'], { cwd: root, stdio: ['ignore', wantsHelp ? 'inherit' : 'ignore', 'inherit'] })
if (wantsHelp || asked.status !== 0) process.exit(asked.status ?? 1)

const watch = (program, args) => spawn(program, args, { cwd: root, stdio: 'inherit' })
const compiler = watch(join(root, 'node_modules/.bin/tsc'), ['-b', '--watch', '--preserveWatchOutput', 'examples/shop'])
const shop = watch(process.execPath, ['--watch', '--watch-preserve-output', '--enable-source-maps', 'examples/shop/dist/main.js', ...args])

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    compiler.kill(signal)
    shop.kill(signal)
  })
}
