import { randomUUID } from 'node:crypto'
import { onTestFinished, test, expect } from 'vitest'
import { type Program, runProgram } from '../e2e/program.js'

export interface ProcessSubject {
  /** As the program knows it. */
  readonly broker: 'memory' | 'journal' | 'rabbitmq' | 'kafka'
  /** Removes from the broker what the runners of a namespace declared. */
  remove?(namespace: string): Promise<void> | void
}

const ten = Array.from({ length: 10 }, (_, i) => `w${i}`)

/** Processes that are told to end, on every broker. */
export function gracefulEnds({ broker, remove }: ProcessSubject): void {
  test('S1 SIGTERM lets ten running errands finish and ends with 0; the next process is given only the rest', { timeout: 60_000 }, async () => {
    const namespace = namespaceOf(remove)
    const first = await runner(broker, namespace)
    first.tell(`give wait ${[...ten, 'rest'].join(' ')}`)
    await first.shows(/(started w\d 1\n[\s\S]*){10}/)

    first.signal('SIGTERM')
    await first.shows(/SIGTERM: finishing what runs, which takes at most [\d.]+ s; once more ends at once/)
    first.tell('finish')

    expect(await first.ended).toBe(0)
    expect(idsOf(first, 'finished')).toEqual(ten)
    expect(idsOf(first, 'started')).toEqual(ten)
    if (broker === 'memory') return
    const next = await runner(broker, namespace)
    await next.shows(/started rest 1/)
    expect(idsOf(next, 'started')).toEqual(['rest'])
  })

  test('S1 an errand that hangs is left at the deadline: the process ends, and the next one is given it', { timeout: 60_000 }, async () => {
    const namespace = namespaceOf(remove)
    const first = await runner(broker, namespace, '1s')
    first.tell('give hang h')
    await first.shows(/started h 1/)

    expect(await first.end()).toBe(0)
    expect(first.output).toMatch(/did not finish within 1000 ms/)
    if (broker === 'memory') return
    const next = await runner(broker, namespace)
    await next.shows(/started h 1/)
  })

  test('a second signal ends a process that waits for its errands at once, with 130', { timeout: 60_000 }, async () => {
    const process = await runner(broker, namespaceOf(remove), '5m')
    process.tell('give hang h')
    await process.shows(/started h 1/)

    process.signal('SIGTERM')
    await process.shows(/SIGTERM: finishing/)
    // What follows within 0.3 s is the same wish: a terminal and npm each pass a Ctrl-C on.
    const again = setInterval(() => process.signal('SIGINT'), 50)
    onTestFinished(() => clearInterval(again))

    expect(await process.ended).toBe(130)
  })
}

/** A process that is killed while it has work in hand. */
export function sudden({ broker, remove }: ProcessSubject, code: string): void {
  test(`${code} what a process had in hand when it was killed is delivered to the next one, and nothing is lost`, { timeout: 90_000 }, async () => {
    const namespace = namespaceOf(remove)
    const first = await runner(broker, namespace)
    first.tell('give quick q0 q1 q2')
    await first.shows(/(finished q\d\n[\s\S]*){3}/)
    first.tell(`give wait ${ten.join(' ')}`)
    await first.shows(/(started w\d 1\n[\s\S]*){10}/)

    expect(await first.end('SIGKILL')).toBe(null)
    const next = await runner(broker, namespace)
    for (const id of ten) {
      await next.shows(new RegExp(`started ${id} `))
      next.tell('finish')
    }
    for (const id of ten) await next.shows(new RegExp(`finished ${id}\n`))

    expect(idsOf(first, 'finished')).toEqual(['q0', 'q1', 'q2'])
  })
}

/** A message that no process survives. */
export function killers({ broker, remove }: ProcessSubject): void {
  test('R11 a message that kills its process is set aside after five of them, and those that were fetched along with it are done', { timeout: 120_000 }, async () => {
    const namespace = namespaceOf(remove)
    const neighbours = Array.from({ length: 20 }, (_, i) => `n${i}`)
    const first = await runner(broker, namespace)
    const lives = [first]
    first.tell(`give mixed ${[...neighbours.slice(0, 10), 'k', ...neighbours.slice(10)].join(' ')}`)
    expect(await first.ended).toBe(null)
    for (let life = 2; life <= 5; life++) {
      const next = start(broker, namespace)
      lives.push(next)
      expect(await next.ended, next.output).toBe(null)
    }

    const last = await runner(broker, namespace)
    last.tell('give quick q')
    await last.shows(/finished q\n/)
    const letters = await deadLettersOf(last)
    const left = neighbours.filter((id) => !lives.some((life) => idsOf(life, 'finished').includes(id)))
    for (const id of left) await last.shows(new RegExp(`finished ${id}\n`))

    expect(letters).toEqual([{ id: 'k', reason: 'KILLED_THE_PROCESS', attempts: 3 }])
    expect(lives.map((life) => idsOf(life, 'started').filter((id) => id === 'k').length)).toEqual([1, 1, 1, 1, 1])
    expect(idsOf(last, 'started')).not.toContain('k')
  })
}

async function deadLettersOf(program: Program): Promise<unknown> {
  const again = setInterval(() => program.tell('dead'), 100)
  onTestFinished(() => clearInterval(again))
  const [, found] = await program.shows(/dead (\[\{.*\])\n/)

  return JSON.parse(found ?? '')
}

async function runner(broker: string, namespace: string, shutdown = '10s'): Promise<Program> {
  const program = start(broker, namespace, shutdown)
  await program.shows(/ready\n/)

  return program
}

function start(broker: string, namespace: string, shutdown = '10s'): Program {
  return runProgram('test/faults/program/dist/runner.js', broker, namespace, shutdown)
}

function namespaceOf(remove: ProcessSubject['remove']): string {
  const namespace = `p-${randomUUID().slice(0, 8)}`
  if (remove) onTestFinished(() => remove(namespace))

  return namespace
}

function idsOf({ output }: Program, word: 'started' | 'finished'): readonly string[] {
  return [...output.matchAll(new RegExp(`^${word} (\\S+)`, 'gm'))].map(([, id]) => id ?? '').sort()
}
