import { describe, expect, it } from 'vitest'
import { codeOf, files, type Import, importsOf, placesOf, textOf } from './setup/tree.js'

const code = files.filter((file) => /\.(ts|mts|mjs)$/.test(file))
const sources = code.filter((file) => /^packages\/[^/]+\/src\//.test(file))
const tests = code.filter((file) => file.endsWith('.test.ts'))
const packageOf = (file: string): string => file.split('/')[1] ?? ''
const imports = sources.flatMap(importsOf)
const show = (found: readonly Import[]): readonly string[] => found.map(({ file, from }) => `${file} imports ${from}`)

const testKinds = ['api', 'bench', 'contract', 'e2e', 'examples', 'faults', 'fuzz', 'packages', 'setup', 'simulation', 'templates', 'types']
const storeFiles = ['index', 'options', 'store', 'connection', 'outbox', 'inbox', 'saga', 'timers']
const transportFiles = ['index', 'options', 'transport', 'connection', 'topology', 'publisher', 'subscriber', 'dead-letters', 'wire']

/** Which of our packages a package may import. What is not named here imports core alone. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  testing: ['core', 'outbox', 'saga', 'transport-memory', 'store-memory'],
}

describe('imports point one way', () => {
  it('a package imports core and nothing sideways; testing also what it tests with', () => {
    const sideways = imports.filter(({ file, from }) => {
      const wanted = /^@waybill\/([^/]+)/.exec(from)?.[1]
      const own = packageOf(file)

      return wanted !== undefined && wanted !== own && !(mayImport[own] ?? ['core']).includes(wanted)
    })

    expect(show(sideways)).toEqual([])
  })

  it('a package imports the front door of another, never a file inside it', () => {
    const inside = imports.filter(({ from }) => /^@waybill\/.*\/(src|dist)\//.test(from))
    const outside = imports.filter(({ file, target }) => target !== undefined && !target.startsWith(`packages/${packageOf(file)}/src/`))

    expect(show([...inside, ...outside])).toEqual([])
  })

  it('core runs inversify in one file and reflect-metadata, and knows the types of Standard Schema', () => {
    const allowed = ({ file, from, isType }: Import): boolean =>
      from === 'reflect-metadata' || (from === 'inversify' && (isType || file === 'packages/core/src/container.ts')) || (from === '@standard-schema/spec' && isType)

    expect(show(foreign('core').filter((one) => !allowed(one)))).toEqual([])
  })

  it.each(packagesNamed(/^(transport|store)-/))('%s imports one driver at most, others only where they are installed', (name) => {
    const optional = optionalPeersOf(name)
    const drivers = new Set(foreign(name).flatMap(({ from }) => (optional.some((peer) => from.startsWith(peer)) ? [] : [from.split('/')[0]])))

    expect(drivers.size, [...drivers].join(', ')).toBeLessThanOrEqual(1)
  })

  it('no files of a package import each other in a circle', () => {
    const next = new Map(sources.map((file) => [file, importsOf(file).flatMap(({ target, isType }) => (target && !isType ? [target] : []))]))

    expect(sources.map((file) => circleFrom(file, next)).filter((circle) => circle !== undefined)).toEqual([])
  })

  it('nothing outside the tree is imported', () => {
    const lost = code.flatMap(importsOf).filter(({ target }) => target !== undefined && !isThere(target))

    expect(show(lost)).toEqual([])
  })
})

describe('the shape of the house', () => {
  it('the top level is the fixed set', () => {
    const allowed = ['LICENSE', 'README.md', 'examples', 'package-lock.json', 'package.json', 'packages', 'templates', 'test', 'tsconfig.json']
    const top = [...new Set(files.map((file) => file.split('/')[0] ?? ''))].filter((name) => !name.startsWith('.') && !allowed.includes(name))

    expect(top).toEqual([])
  })

  it.each(packagesNamed(/^transport-/))('%s has the files that every transport has', (name) => {
    const missing = transportFiles.filter((file) => !files.includes(`packages/${name}/src/${file}.ts`))

    expect(missing).toEqual([])
  })

  it.each(packagesNamed(/^store-/))('%s has the files that every store has', (name) => {
    const missing = storeFiles.filter((file) => !files.includes(`packages/${name}/src/${file}.ts`))

    expect(missing).toEqual([])
  })

  it('every package has a README', () => {
    expect(packagesNamed(/./).filter((name) => !files.includes(`packages/${name}/README.md`))).toEqual([])
  })

  it('tests lie in a folder named like their package or their kind', () => {
    const homes = new Set([...packagesNamed(/./), ...testKinds])

    expect(tests.filter((file) => file !== 'test/architecture.test.ts' && !homes.has(packageOf(file)))).toEqual([])
  })

  it('no file is longer than 400 lines', () => {
    expect(code.filter((file) => textOf(file).split('\n').length > 401)).toEqual([])
  })

  it('no file has a name that explains nothing', () => {
    expect(code.filter((file) => /(^|[-./])(utils?|helpers?|types|common|misc|shared|base|manager)\.(ts|mjs)$/.test(file))).toEqual([])
  })
})

describe('habits', () => {
  it('time, chance and identity come from the Runtime', () => {
    const simulable = sources.filter((file) => /^packages\/(core|transport-memory|store-memory|outbox|saga)\//.test(file))
    const impure = /\bDate\.now\(|new Date\(\)|\bset(Timeout|Interval|Immediate)\(|\bMath\.random\(|\brandomUUID\(|performance\.now\(/
    const places = placesOf(
      simulable.filter((file) => file !== 'packages/core/src/system-runtime.ts'),
      impure,
    )

    expect(places).toEqual([])
  })

  it('no test is skipped, singled out or postponed', () => {
    const suites = code.filter((file) => /^(test|examples)\/|^packages\/testing\//.test(file) && file !== 'test/architecture.test.ts')

    expect(placesOf(suites, /\b(it|test|describe|suite)(\.\w+)*\.(skip|only|todo|skipIf|runIf|fails)\b|\b(context|ctx)\.skip\(/)).toEqual([])
  })

  it('a test that talks to a broker has its name in its path', () => {
    const speaks = { rabbitmq: /WAYBILL_RABBITMQ_URL|:5672\b/, kafka: /WAYBILL_KAFKA_BROKERS|:9092\b/, postgres: /WAYBILL_POSTGRES_URL|:5432\b/ }
    const hidden = Object.entries(speaks).flatMap(([name, pattern]) =>
      tests.filter((file) => !file.includes(name) && file !== 'test/architecture.test.ts' && reachedFrom(file).some((one) => pattern.test(codeOf(one)))),
    )

    expect(hidden).toEqual([])
  })

  it('nothing names a folder or a registry of one machine', () => {
    const own = files.filter((file) => file !== 'test/architecture.test.ts' && !/\.(png|ico|p12)$/.test(file))

    expect(placesOf(own, /(^|['"`\s(=])\/(home|root|Users|tmp|mnt|work)\/\w/)).toEqual([])
    expect(
      placesOf(
        own.filter((file) => file.endsWith('package-lock.json')),
        /"resolved": "https?:/,
      ),
    ).toEqual([])
  })
})

function packagesNamed(pattern: RegExp): readonly string[] {
  return [...new Set(sources.map(packageOf))].filter((name) => pattern.test(name))
}

function optionalPeersOf(name: string): readonly string[] {
  const { peerDependenciesMeta = {} }: { peerDependenciesMeta?: Record<string, { optional?: boolean }> } = JSON.parse(textOf(`packages/${name}/package.json`))

  return Object.keys(peerDependenciesMeta).filter((peer) => peerDependenciesMeta[peer]?.optional)
}

/** What a package imports that is neither ours nor part of Node. */
function foreign(name: string): readonly Import[] {
  return imports.filter(({ file, from }) => packageOf(file) === name && !/^(\.|node:|@waybill\/)/.test(from))
}

function isThere(target: string): boolean {
  return files.includes(target) || files.includes(target.replace(/\.ts$/, '.js')) || /\/dist\//.test(target)
}

function circleFrom(file: string, next: ReadonlyMap<string, readonly string[]>, path: readonly string[] = []): string | undefined {
  if (path[0] === file) return [...path, file].join(' → ')
  if (path.includes(file)) return undefined

  return (next.get(file) ?? []).map((one) => circleFrom(one, next, [...path, file])).find((circle) => circle !== undefined)
}

function reachedFrom(file: string): readonly string[] {
  const reached = new Set([file])
  for (const one of reached) for (const { target } of importsOf(one)) if (target && files.includes(target)) reached.add(target)

  return [...reached]
}
