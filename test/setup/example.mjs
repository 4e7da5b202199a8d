// npm run example 02: installs and builds what that example needs, and runs it. What follows its name goes to it.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { foreground } from './foreground.mjs'
import { install } from './install.mjs'
import { root } from './steps.mjs'

const [wanted, ...args] = process.argv.slice(2)
const names = readdirSync(join(root, 'examples')).filter((name) => existsSync(join(root, 'examples', name, 'package.json')))
const found = names.filter((name) => wanted !== undefined && name.startsWith(wanted))

try {
  if (found.length !== 1) throw new Error(`"npm run example" takes the name of one example, or its number; found ${JSON.stringify(wanted ?? '')}. There are: ${names.join(', ')}.`)
  await install()
  await build([`examples/${found[0]}`])
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

foreground(`examples/${found[0]}/dist/main.js`, args)
