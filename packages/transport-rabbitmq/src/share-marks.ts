/** A number of partitions that is being changed to another. */
export interface ShareChange {
  readonly from: number
  readonly to: number
}

/** What the exchange of a `SharePlan` says by the name of its alternate exchange, which is the one argument that a broker compares and nobody needs. */
export function shareMark(partitions: number | string): string {
  return `${partitions}-partitions`
}

/** The same while the number is being changed: it fits neither version, so that nobody binds what would double messages. */
export function changeMark({ from, to }: { readonly from: number | string; readonly to: number | string }): string {
  return shareMark(`${from}-to-${to}`)
}

export function partitionsIn(mark: unknown): number | undefined {
  const found = new RegExp(`^${shareMark('([0-9]+)')}$`).exec(String(mark))?.[1]

  return found === undefined ? undefined : Number(found)
}

export function changeIn(mark: unknown): ShareChange | undefined {
  const found = new RegExp(`^${changeMark({ from: '([0-9]+)', to: '([0-9]+)' })}$`).exec(String(mark))

  return found ? { from: Number(found[1]), to: Number(found[2]) } : undefined
}

/** The mark that the broker names when it refuses another. */
export function markIn(refusal: string): string | undefined {
  return /current is .*'([0-9a-z-]+)'/.exec(refusal)?.[1]
}

/** Why a process that knows another number of partitions than the broker must not bind anything, and what to do. */
export function sentenceOfShare(thing: string, expected: unknown, mark: unknown): string {
  const change = changeIn(mark)
  if (change) {
    return (
      `The keys of ${thing} are being spread anew, from ${change.from} partitions over ${change.to}, and this process expects ${String(expected)}. Start it when \`app.topology.migrate()\` is done; ` +
      'if nobody is doing that any more, call it again. If it waits for somebody who takes what is in the old queues, start a process of the old version with `declare: "none"`.'
    )
  }
  const found = partitionsIn(mark)

  return (
    `The keys of ${thing} are spread over another number of partitions: expected ${String(expected)}, found ${found ?? 'none'}. With both, messages would come twice and out of order. ` +
    `Keep \`partitions: ${found}\`, or call \`app.topology.migrate()\` of this version while the processes of the old one run, and start again.`
  )
}
