import { type Plant, simulationWith } from './planted.js'

export interface CoreMutant {
  /** The bug, as a sentence. */
  readonly bug: string
  /** It shows in so few seeds that only the long form looks for it. */
  readonly isRare?: boolean
  /** Which invariant it breaks, at the least. */
  readonly breaks: RegExp
  readonly plant: Plant
}

/** Bugs as core itself could have them. */
export const coreMutants: readonly CoreMutant[] = [
  {
    bug: 'a lane lets two of its key run',
    breaks: /^I4 /,
    plant: {
      file: 'lanes.ts',
      from: '    if (lane) {\n      lane.waiting.push(job)',
      to: '    if (lane && lane.active++ < 2) return true\n    if (lane) {\n      lane.active--\n      lane.waiting.push(job)',
    },
  },
  {
    bug: 'a lane is free while its first waits for another try',
    breaks: /^I4 /,
    plant: { file: 'group.ts', from: '  waits(job: Job): void {', to: '  waits(job: Job): void {\n    const next = this.#lanes.leave(job)\n    if (next) this.#offer(next)' },
  },
  {
    bug: 'a message with a key goes behind its successors for its next try',
    breaks: /^I4 /,
    plant: { file: 'retrying.ts', from: ' && job.key === undefined', to: '' },
  },
  {
    bug: 'a message is acknowledged before its next try is confirmed',
    breaks: /^I[19] /,
    plant: {
      file: 'retrying.ts',
      from: "    link.sender.send(next, (outcome) => {\n      this.#moving--\n      if (outcome.kind === 'confirmed') return this.#end.moved(job)\n",
      to: '    this.#end.moved(job)\n    link.sender.send(next, (outcome) => {\n      this.#moving--\n      return\n',
    },
  },
  {
    bug: 'a next try that is not confirmed counts as one that is',
    isRare: true,
    breaks: /^I[19] /,
    plant: { file: 'retrying.ts', from: "if (outcome.kind === 'confirmed') return this.#end.moved(job)", to: 'return this.#end.moved(job)' },
  },
  {
    bug: 'later messages of a parked key pass',
    breaks: /^I4 /,
    plant: { file: 'parking.ts', from: 'if (this.#isParked(job)) this.#end.parked(job)', to: 'if (this.#isParked(job)) this.#end.admitted(job)' },
  },
  {
    bug: 'what dies is not noted among the parked keys',
    breaks: /^I4 /,
    plant: { file: 'parking.ts', from: '    failed(more(this.#dead, key, mark, undefined), redrive)\n', to: '' },
  },
  {
    bug: 'a process that takes over does not look which keys are dead',
    isRare: true,
    breaks: /^I4 /,
    plant: { file: 'parking.ts', from: 'before !== undefined && now - before < silentMs', to: 'true' },
  },
  {
    bug: 'what is held leaves although the listener fails',
    breaks: /^I2 /,
    plant: { file: 'publishing.ts', from: 'if (!held) return this.#outside(', to: 'if (!held || !held.isOver) return this.#outside(' },
  },
  {
    bug: 'what is held is not waited for before the acknowledgement',
    breaks: /^I[19] /,
    plant: {
      file: 'outcomes.ts',
      from: '    sending.then(\n      () => this.#settled(() => this.#ack(job)),\n',
      to: '    this.#ack(job)\n    sending.then(\n      () => this.#settled(() => undefined),\n',
    },
  },
  {
    bug: 'a message is acknowledged before its dead letter is confirmed',
    isRare: true,
    breaks: /^I[19] /,
    plant: {
      file: 'burial.ts',
      from: '    const send = (attempt: number): void => {\n',
      to: '    buried()\n    buried = () => undefined\n    const send = (attempt: number): void => {\n',
    },
  },
  {
    bug: 'a stop acknowledges what waits for its next try',
    isRare: true,
    breaks: /^I[19] /,
    plant: { file: 'retrying.ts', from: '    this.#waiting.clear()\n', to: "    for (const job of this.#waiting.keys()) job.raw.settle('ack')\n    this.#waiting.clear()\n" },
  },
]

/** What the simulation says when it meets the bug: of the first seed in which it breaks what it should, or of the last that was tried. */
export async function violationsOf({ plant, breaks }: CoreMutant, seeds: number): Promise<readonly string[]> {
  const simulate = await simulationWith(plant)
  let found: readonly string[] = []
  for (let seed = 1; seed <= seeds && !found.some((one) => breaks.test(one)); seed++) found = (await simulate(seed)).violations

  return found
}
