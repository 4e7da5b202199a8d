import { execFile } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const execute = promisify(execFile)
let folder = ''

const compilerOptions = {
  target: 'es2022',
  lib: ['es2023'],
  module: 'nodenext',
  outDir: 'dist',
  strict: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  declaration: true,
  skipLibCheck: false,
  types: ['node'],
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-consumer-'))
  await packInto(folder)
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module', scripts: {} }))
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['hello.ts'] }))
  await writeFile(join(folder, 'hello.ts'), await readFile(new URL('consumer/hello.ts', import.meta.url)))
  await installInto(folder)
}, 180_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

it('a program outside this repository compiles against the packed packages, their declarations checked, and runs', async () => {
  await run(join(root, 'node_modules/.bin/tsc'), ['-p', '.'])

  const printed = await run(process.execPath, ['dist/hello.js'])

  expect(printed).toBe('hello, Ada\n')
}, 60_000)

it('a program outside this repository finds one copy of every Waybill package', async () => {
  const printed = await run('npm', ['ls', '--all', '--parseable', '@waybill/core', 'inversify', 'reflect-metadata'])

  const copies = printed.trim().split('\n')
  expect(copies.filter((path) => !path.startsWith(join(folder, 'node_modules')))).toEqual([])
  expect(copies.filter((path) => path.lastIndexOf('node_modules') > path.indexOf('node_modules'))).toEqual([])
})

async function packInto(target: string): Promise<void> {
  const folders = (await readdir(join(root, 'packages'))).map((name) => `./packages/${name}`)
  await execute('npm', ['pack', ...folders, '--pack-destination', target, '--ignore-scripts', '--loglevel=error'], { cwd: root })
}

// The versions that the tree is tested with, so that the cache of its own installation serves this one too.
async function installInto(target: string): Promise<void> {
  const { devDependencies }: { devDependencies: Record<string, string> } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const peers = ['inversify', 'reflect-metadata', 'zod', '@types/node'].map((name) => `${name}@${devDependencies[name]}`)
  const tarballs = (await readdir(target)).filter((file) => file.endsWith('.tgz')).map((file) => `./${file}`)
  await run('npm', ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...peers, ...tarballs])
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
