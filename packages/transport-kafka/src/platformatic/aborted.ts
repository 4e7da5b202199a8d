import type { FetchedPartition } from '../fetch-answer.js'
import type { LogBatch } from '../log-batch.js'

/** Without what was aborted and without the marks of transactions. A producer has one transaction at a time, and a mark ends it. */
export function visible({ messages, abortedTransactions }: Pick<FetchedPartition, 'messages' | 'abortedTransactions'>): readonly LogBatch[] {
  if (abortedTransactions.length === 0) return messages.filter(({ isControlRecord }) => !isControlRecord)
  const aborted = [...abortedTransactions].sort((a, b) => Number(a.firstOffset) - Number(b.firstOffset))
  const open = new Set<string>()

  return messages.filter(({ lastOffset, isControlRecord, batchContext: { producerId, inTransaction } }) => {
    while (aborted.length > 0 && Number(aborted[0]?.firstOffset) <= lastOffset) open.add(aborted.shift()?.producerId ?? '')
    if (isControlRecord) {
      open.delete(producerId)

      return false
    }

    return !(inTransaction && open.has(producerId))
  })
}
