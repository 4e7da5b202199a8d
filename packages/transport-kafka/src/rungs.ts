/**
 * The topics of a group's retries, by the longest wait that stands in each, in ms. The first one is for what waits for nothing.
 * Waits of about one length share a topic, so that few short ones stand behind long ones.
 */
export const longestWaits: readonly number[] = [0, 16_000, 64_000, 256_000, Number.POSITIVE_INFINITY]

/** Which of them a wait belongs to. */
export function rungOf(delayMs: number): number {
  return longestWaits.findIndex((longest) => delayMs <= longest)
}

/** Such a topic has the messages that were sent to one group alone. */
export function isRetryTopic(topic: string): boolean {
  return rungPattern.test(topic)
}

/** Such a topic has those that wait. */
export function isDelayTopic(topic: string): boolean {
  return Number(rungPattern.exec(topic)?.[1] ?? 0) > 0
}

const rungPattern = /\.retry\.(\d+)$/
