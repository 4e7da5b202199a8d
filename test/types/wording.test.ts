import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'

const here = fileURLToPath(new URL('.', import.meta.url))
const compiler = join(here, '../../node_modules/.bin/tsc')

/** What a user reads at a mistake: the words that stand at the line below each expectation of refused.ts. */
const words: Readonly<Record<string, readonly string[]>> = {
  'the parameter publishes another message than the decorator says': ["{ readonly 'this parameter must be the Publish of': \"order.placed\"; }"],
  'a query is asked, not published': ["{ readonly 'this parameter must be the Ask of': \"quote.get\"; }"],
  'listens to one message, takes another': [
    "Type '(_event: StockReserved) => void' is not assignable to type '(message: OrderPlaced, delivery: Delivery) => unknown'",
    "Types of parameters '_event' and 'message' are incompatible",
  ],
  'a batch listener takes an array': ["'(messages: readonly OrderPlaced[], items: readonly BatchItem[]) => void | Promise<void>'"],
  'returns what it does not declare': ["Property 'reservation' is missing in type 'StockRejected' but required in type 'StockReserved'"],
  'several messages are no list': ["Property ''@Publisher names each message by itself, without a list'' is missing"],
  'nobody could await this publish': ["Type 'StockReserved' is missing the following properties from type 'Promise<void | readonly StockReserved[] | StockReserved | undefined>': then"],
  "a transaction ends when its method's promise does": ["Type 'number' is not assignable to type 'Promise<unknown>'"],
}

test('the compiler tells a mistake at a decorator in words of the message, not of the library', { timeout: 60_000 }, async () => {
  const { lines, errors } = await mistakes()

  const missing = Object.entries(words).flatMap(([mistake, expected]) => {
    const at = lines.findIndex((line) => line.includes(mistake))
    const said = errors.filter(({ line }) => line > at && line <= at + 2).map(({ text }) => text)

    return expected.filter((text) => !said.some((one) => one.includes(text))).map((text) => ({ mistake, text, said }))
  })

  expect(missing).toEqual([])
})

test('an option that was mistyped is one error, at the option', { timeout: 60_000 }, async () => {
  const { lines, errors } = await mistakes()
  const said = (mistake: string): readonly string[] => errors.filter(({ line }) => line === lines.findIndex((text) => text.includes(mistake))).map(({ text }) => text)

  expect(said('concurency')).toEqual([expect.stringContaining("Did you mean to write 'concurrency'?")])
  expect(said('sizes:')).toEqual([expect.stringContaining("Did you mean to write 'size'?")])
})

interface Mistakes {
  readonly lines: readonly string[]
  readonly errors: readonly { readonly line: number; readonly text: string }[]
}

/** Compiles refused.ts without its expectations. */
async function mistakes(): Promise<Mistakes> {
  mkdirSync(join(here, '.waybill'), { recursive: true })
  const folder = mkdtempSync(join(here, '.waybill/'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const text = readFileSync(join(here, 'refused.ts'), 'utf8').replaceAll('@ts-expect-error', 'mistake:').replaceAll("'./shop.js'", "'../../shop.js'")
  writeFileSync(join(folder, 'refused.ts'), text)
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', compilerOptions: { rootDir: '../../../..' }, include: ['*.ts'] }))

  return { lines: text.split('\n'), errors: read(await output(folder)) }
}

function output(folder: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(compiler, ['--noEmit', '-p', folder, '--pretty', 'false'], (_error, stdout) => resolve(stdout))
  })
}

/** Each error with the indented lines below it, and its line counted from zero. */
function read(stdout: string): Mistakes['errors'] {
  return stdout.split(/^(?=\S)/m).flatMap((text) => {
    const place = /refused\.ts\((\d+),/.exec(text)

    return place ? [{ line: Number(place[1]) - 1, text }] : []
  })
}
