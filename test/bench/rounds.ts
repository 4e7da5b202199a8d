import type { RoundResult, Stage } from './stage.js'
import type { Verdict } from './ledger.js'

/** All counted rounds of one contender in one scenario. */
export interface Series {
  readonly contender: string
  readonly rounds: readonly RoundResult[]
  /** Of all rounds, the warm-up included. */
  readonly verdict: Verdict
  /** The first thing that went wrong with a send, if anything did. */
  readonly error: string | undefined
  readonly remark: string | undefined
}

export type Progress = (contender: string, round: number, result: RoundResult) => void

/** A warm-up round, then `rounds` that count; the contenders take turns, so that what slows the machine slows all. */
export async function playRounds(stages: readonly Stage[], rounds: number, tell: Progress): Promise<readonly Series[]> {
  const results = stages.map((): RoundResult[] => [])
  for (let round = 0; round <= rounds; round++) {
    for (const [at, stage] of stages.entries()) {
      const result = await stage.playRound()
      results[at]?.push(result)
      tell(stage.entrant.name, round, result)
    }
  }

  return stages.map((stage, at) => summarise(stage, results[at] ?? []))
}

function summarise({ entrant, remark }: Stage, results: readonly RoundResult[]): Series {
  const sum = (field: keyof Verdict) => results.reduce((total, { verdict }) => total + verdict[field], 0)

  return {
    contender: entrant.name,
    rounds: results.slice(1),
    verdict: { lost: sum('lost'), duplicated: sum('duplicated') },
    error: results.find(({ errors }) => errors.first)?.errors.first,
    remark,
  }
}
