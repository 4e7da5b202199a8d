import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const execute = promisify(execFile)
const compiler = 'node_modules/.bin/tsc'
let folder = ''

/** What a program may say beyond the README, each of which asks more of our declarations. */
const strictest = { lib: ['es2023'], noEmit: true, exactOptionalPropertyTypes: true, verbatimModuleSyntax: true, declaration: true, skipLibCheck: false }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-consumer-'))
  await packInto(folder)
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module', scripts: {} }))
  await writeFile(join(folder, 'tsconfig.json'), block(readme, 'json'))
  await writeFile(join(folder, 'strictest.json'), JSON.stringify({ extends: './tsconfig.json', compilerOptions: strictest }))
  await writeFile(join(folder, 'hello.ts'), block(readme, 'ts'))
  await writeFile(join(folder, 'modules.ts'), block(await readFile(join(root, 'packages/core/README.md'), 'utf8'), 'ts', 'ContainerModule'))
  await writeFile(join(folder, 'house.ts'), await readFile(new URL('consumer/house.ts', import.meta.url)))
  await installInto(folder, readme)
}, 180_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

it('the program of the README compiles and greets outside this repository, installed and configured as the README says', async () => {
  await run(compiler, ['-p', '.'])

  expect(await firstWordsOf('dist/hello.js')).toBe('Hello, world!\n')
}, 60_000)

it('the program of core with modules of its own runs outside this repository', async () => {
  await run(compiler, ['-p', '.'])

  expect(await firstWordsOf('dist/modules.js')).toBe('shop@example.com: Thank you for o-1.\n')
}, 60_000)

it('a program outside this repository compiles against the packed packages, their declarations checked, and runs', async () => {
  await run(compiler, ['-p', '.'])
  await run(compiler, ['-p', 'strictest.json'])

  const printed = await run(process.execPath, ['dist/house.js'])

  expect(printed).toBe('hello, Ada\n')
}, 60_000)

it('a program outside this repository finds one copy of every Waybill package', async () => {
  const printed = await run('npm', ['ls', '--all', '--parseable', '@waybill/core', 'inversify', 'reflect-metadata'])

  const copies = printed.trim().split('\n')
  expect(copies.filter((path) => !path.startsWith(join(folder, 'node_modules')))).toEqual([])
  expect(copies.filter((path) => path.lastIndexOf('node_modules') > path.indexOf('node_modules'))).toEqual([])
})

it('every packed package brings the licence', async () => {
  const names = await readdir(join(root, 'packages'))
  const licences = names.map((name) => join(folder, 'node_modules/@waybill', name, 'LICENSE'))
  const own = await readFile(join(root, 'LICENSE'), 'utf8')

  for (const licence of licences) expect(await readFile(licence, 'utf8'), licence).toBe(own)
})

it('no packed package brings what only our own compiler reads', async () => {
  const files = await readdir(join(folder, 'node_modules/@waybill'), { recursive: true })

  expect(files).toContain('core/dist/index.js')
  expect(files.filter((file) => file.endsWith('.tsbuildinfo'))).toEqual([])
})

async function packInto(target: string): Promise<void> {
  const folders = (await readdir(join(root, 'packages'))).map((name) => `./packages/${name}`)
  await execute('npm', ['pack', ...folders, '--pack-destination', target, '--ignore-scripts', '--loglevel=error'], { cwd: root })
}

it.each(['24.19.2', '26.6.6'])(
  'a program outside this repository compiles with @types/node %s',
  async (version) => {
    await install([`@types/node@${version}`])

    await run(compiler, ['-p', 'strictest.json'])
  },
  60_000,
)

/** What a program that runs until it is told to end says first. */
async function firstWordsOf(file: string): Promise<string> {
  const program = spawn(process.execPath, [file], { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })
  const [said] = await once(program.stdout, 'data')
  program.kill('SIGINT')
  await once(program, 'close')

  return String(said)
}

/** The first block of the README in that language that holds those words. */
function block(readme: string, language: string, words = ''): string {
  const blocks = [...readme.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))]
  const [, text] = blocks.find(([, code = '']) => code.includes(words)) ?? []
  if (text === undefined) throw new Error(`README.md has no block of "${language}" with "${words}".`)

  return text
}

// What the README installs, in the versions that the tree is tested with, so that the cache of its own installation serves this one too. Our own come packed, each needing others of them.
async function installInto(target: string, readme: string): Promise<void> {
  const { devDependencies }: { devDependencies: Record<string, string> } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const named = [...readme.matchAll(/^npm install ([^#\n]*)/gm)].flatMap(([, names = '']) => names.trim().split(/\s+/))
  const foreign = named.filter((name) => !name.startsWith('-') && !name.startsWith('@waybill/')).map((name) => `${name}@${devDependencies[name]}`)
  const tarballs = (await readdir(target)).filter((file) => file.endsWith('.tgz')).map((file) => `./${file}`)
  await install([...foreign, ...tarballs])
}

async function install(packages: readonly string[]): Promise<void> {
  await run('npm', ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...packages])
}

async function run(program: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await execute(program, [...args], { cwd: folder })

    return stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`"${program} ${args.join(' ')}" ended with an error.\n${stdout}${stderr}`, { cause: error })
  }
}
