import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const thrown = /(?:new [A-Z]\w*\(\s*|super\(\s*|\bcode: |complain\(\s*|[fF]ault\(\s*|refuse\(\s*|bury\(job, |park\(\w+, |[?:] (?='[A-Z]+_))'([A-Z][A-Z0-9_]+)'/g

/** Every code that a package writes down where it makes an error, a fault or a dead letter. */
function codesIn(pack: string): readonly string[] {
  const sources = new URL(`packages/${pack}/src/`, root)
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts') && !file.startsWith('contract'))

  return files.flatMap((file) => [...readFileSync(new URL(file, sources), 'utf8').matchAll(thrown)].flatMap(([, code]) => code ?? []))
}

function codesInReadme(): Map<string, string[]> {
  const [, section = ''] = /\n### Every code\n(.*?)\n## /s.exec(readFileSync(new URL('packages/core/README.md', root), 'utf8')) ?? []
  const rows = [...section.matchAll(/^\| `@waybill\/([a-z-]+)`[^|]*\|(.*)\|$/gm)]
  const codes = new Map<string, string[]>()
  for (const [, pack = '', text = ''] of rows) codes.set(pack, [...(codes.get(pack) ?? []), ...[...text.matchAll(/`([A-Z0-9_]+)`/g)].flatMap(([, code]) => code ?? [])])

  return codes
}

test('the README of core lists every code of every package, once, and no other', () => {
  const packs = readdirSync(new URL('packages/', root))
  const known = codesInReadme()

  for (const pack of packs) expect([...(known.get(pack) ?? [])].sort(), pack).toEqual([...new Set(codesIn(pack))].sort())
})
