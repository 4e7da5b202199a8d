// npm start: installs and builds what the shop needs, and runs it. What follows `--` goes to the shop, which is asked first whether it takes that.
import { readArguments } from '../../examples/shop/src/arguments.mjs'
import { brokers, ready } from './brokers.mjs'
import { build } from './build.mjs'
import { foreground } from './foreground.mjs'
import { install } from './install.mjs'

const told = readArguments()

try {
  await install()
  await build(['examples/shop'])
  const wanted = brokers.find(({ name }) => name === told.broker)
  if (wanted) await ready(wanted)
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

foreground('examples/shop/dist/main.js', process.argv.slice(2))
