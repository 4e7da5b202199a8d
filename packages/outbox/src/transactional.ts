import { markTransactional, type TransactionOptions } from '@waybill/core'

/**
 * Runs the method in one transaction of the app's store: what it writes by its `Database` and what it publishes commit together, or nothing does. A call
 * within a transaction joins it. Where another transaction is in the way, the whole method runs again.
 */
export function Transactional(options?: TransactionOptions): (target: object, key: string | symbol, method: Method<(...args: never[]) => Promise<unknown>>) => void {
  return (target, key, method) => markTransactional(target, key, method, options)
}

type Method<F> = { value?: F | undefined }
