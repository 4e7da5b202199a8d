import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { type Program, runProgram } from './program.js'
import { newFolder, openShop } from './shop-journey.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const shop = (...args: readonly string[]): Program => runProgram('examples/shop/dist/main.js', ...args)
const usages = (output: string): number => output.split('The order shop:').length - 1

test.each([
  [['--bogus'], 'There is no option "--bogus".'],
  [['foo'], 'The shop takes options only; found "foo".'],
  [['--broker'], 'The option "--broker" needs a value.'],
  [['--namespace', '--port', '0'], 'The option "--namespace" needs a value.'],
  [['--broker', 'pigeons'], 'There is no broker "pigeons". Choose one of memory, rabbitmq, kafka.'],
  [['--port', '70000'], 'A port is a number from 0 to 65535; found "70000".'],
])('told %j the shop says what is wrong, shows its usage once, and ends', async (args, why) => {
  const program = shop(...args)

  expect(await program.ended).toBe(2)
  expect(program.output.split('\n')[0]).toBe(why)
  expect(usages(program.output)).toBe(1)
})

test.each(['-h', '--help'])('%s shows the usage of the shop, and is no error', async (option) => {
  const program = shop(option)

  expect(await program.ended).toBe(0)
  expect(usages(program.output)).toBe(1)
})

test('npm start looks at what it is told before it sets anything up', async () => {
  const folder = newFolder()
  for (const part of ['test/setup', 'examples/shop/src']) cpSync(join(root, part), join(folder, part), { recursive: true })
  const start = (option: string): Program => runProgram(join(folder, 'test/setup/start.mjs'), option)
  const helped = start('--help')
  const refused = start('--bogus')

  expect([await helped.ended, await refused.ended]).toEqual([0, 2])
  expect(helped.output).toMatch(/^The order shop:/)
  expect(refused.output).toMatch(/^There is no option "--bogus"\.\n\nThe order shop:/)
  expect(readdirSync(folder).sort()).toEqual(['examples', 'test'])
})

test('a port that is taken is said before anything is started, and without the usage', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const folder = newFolder()
  const program = shop('--port', String(port), '--data', folder)

  expect(await program.ended).toBe(1)
  expect(program.output.trimEnd().split('\n').at(-1)).toBe(`Port ${port} is taken, perhaps by another shop. Choose another port: npm start -- --port 0`)
  expect(program.output).not.toContain('is running')
  expect(usages(program.output)).toBe(0)
  expect(existsSync(join(folder, 'pgdata'))).toBe(false)
})

test('a second shop on the folder of another says so, in the words of the command', { timeout: 60_000 }, async () => {
  const folder = newFolder()
  const { program: first } = await openShop('memory', folder)
  const second = shop('--port', '0', '--data', folder)

  expect(await second.ended).toBe(1)
  expect(second.output.trimEnd().split('\n').at(-1)).toBe(
    `Another shop runs with the folder "${folder}". Close that one, or give this one a folder of its own: npm start -- --data <folder>`,
  )
  expect(await first.end()).toBe(0)
})

test('what is no folder is refused by the name of its option', async () => {
  const file = join(newFolder(), 'file')
  writeFileSync(file, '')
  const program = shop('--port', '0', '--data', file)

  expect(await program.ended).toBe(1)
  expect(program.output).toContain(`"--data" was expected to be a folder that the shop may write; with "${file}" it found: Error: EEXIST`)
  expect(usages(program.output)).toBe(0)
})

test('the usage, the page and the README name as many services as there are', () => {
  const folder = 'examples/shop/src'
  const services = readdirSync(join(root, folder)).flatMap((file) => [...readFileSync(join(root, folder, file), 'utf8').matchAll(/^@Service\('(\w+)'\)/gm)].map(([, name]) => name))

  expect(services).toHaveLength(5)
  for (const file of [`${folder}/arguments.mjs`, 'examples/shop/page/index.html', 'README.md']) expect(readFileSync(join(root, file), 'utf8'), file).toContain('five services')
})
