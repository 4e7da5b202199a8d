/** How often it is done until the event loop had its turn; no more than `most`. */
export async function timesUntilTurn(most: number, work: (time: number) => Promise<unknown>): Promise<number> {
  let hasTurned = false
  setTimeout(() => setImmediate(() => (hasTurned = true)), 1)
  let times = 0
  while (!hasTurned && times < most) await work(times++)

  return times
}
