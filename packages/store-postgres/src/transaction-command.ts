import { WaybillError } from '@waybill/core'
import type { PostgresClient } from './options.js'

/**
 * What would begin or end a transaction, so that rows stand without their messages, or the other way round: the word, or undefined. Savepoints are none.
 * Only the first statement of a text is looked at: behind a semicolon the same words belong to the bodies of functions. What is hidden there shows in {@link isOutside}.
 */
export function transactionCommandIn(text: unknown): string | undefined {
  const found = typeof text === 'string' ? command.exec(text)?.[1] : undefined

  return found?.replace(/\s+/g, ' ').toUpperCase()
}

const space = String.raw`(?:\s|;|--[^\n]*(?:\n|$)|/\*(?:[^*]|\*(?!/))*\*/)*`
const command = new RegExp(`^${space}(BEGIN|START\\s+TRANSACTION|COMMIT|END|ABORT|PREPARE\\s+TRANSACTION|ROLLBACK(?!\\s+(?:(?:WORK|TRANSACTION)\\s+)?TO\\b))\\b`, 'i')

/** The server says that no transaction is open. A driver that does not tell is believed. */
export function isOutside(client: PostgresClient): boolean {
  return client.getTransactionStatus?.() === 'I'
}

/** A transaction is open, whole or failed. */
export function isWithin(client: PostgresClient): boolean {
  const status = client.getTransactionStatus?.()

  return status === 'T' || status === 'E'
}

export function refusedCommand(owner: string, found: string): WaybillError {
  return new WaybillError(
    'TRANSACTION_COMMAND',
    `${owner} ran ${found} in a transaction that the store begins and ends: rows and messages would part. Publish and write in it as it is, and use SAVEPOINT for what may fail; tools are not to open a transaction of their own on its client.`,
  )
}

export function leftOpen(): WaybillError {
  return new WaybillError(
    'TRANSACTION_COMMAND',
    'A statement outside of a transaction left one open behind it, which was rolled back. Use Database.transaction, or end it in the same text.',
  )
}
