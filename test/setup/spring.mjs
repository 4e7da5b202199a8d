// Spring for the benchmark: its jars from Maven, and our classes, compiled, in a folder that their sources name.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { alone } from './lock.mjs'
import { has } from './machine.mjs'
import { keep, root, run, step } from './steps.mjs'

const sources = join(root, 'test/bench/rivals/spring')

/** Fetches and compiles, unless it is done. Rejects with what to do when Java, Maven or its registry is missing. */
export const prepare = () => step('spring', () => alone('spring', () => make(home())))

/** For `java -cp`. */
export function classPath() {
  const folder = home()

  return `${join(folder, 'classes')}:${join(folder, 'lib', '*')}`
}

/** The same for a folder. It is made beside it first: what was made by halves never carries the final name. */
export async function make(folder) {
  if (existsSync(folder)) return 'up to date'
  await need('mvn', '-v')
  await need('javac', '--release', '17', '-version')
  const part = `${folder}.part`
  rmSync(part, { recursive: true, force: true })
  mkdirSync(part, { recursive: true })
  await fetchJars(join(part, 'lib'))
  const files = readdirSync(sources).filter((name) => name.endsWith('.java'))
  await run('javac', ['--release', '17', '-cp', join(part, 'lib', '*'), '-d', join(part, 'classes'), ...files], { cwd: sources })
  renameSync(part, folder)

  return 'fetched and compiled'
}

async function fetchJars(lib) {
  try {
    await run('mvn', ['-q', '-B', '-f', join(sources, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${lib}`, '-DincludeScope=runtime'])
  } catch (error) {
    throw new Error(`Spring's jars do not come from Maven Central: see that it answers, or name a mirror in ~/.m2/settings.xml.\n${error.message}`)
  }
}

async function need(program, ...args) {
  if (await has(program, ...args)) return
  throw new Error(`Spring needs "${program}", of Maven and a JDK from 17 on, and it does not run here. On Debian: sudo apt-get install -y maven default-jdk-headless`)
}

function home() {
  const hash = createHash('sha256')
  for (const name of readdirSync(sources).sort()) hash.update(name).update(readFileSync(join(sources, name)))

  return keep(`spring-${hash.digest('hex').slice(0, 16)}`)
}
