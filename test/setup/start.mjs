// npm start: installs and builds what the shop needs, and runs it. What follows `--` goes to the shop.
import { brokers, ready } from './brokers.mjs'
import { build } from './build.mjs'
import { foreground } from './foreground.mjs'
import { install } from './install.mjs'

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

foreground('examples/shop/dist/main.js', args)
