import type { Answer, Row, Statement } from './options.js'

/** Something that runs the store's statements in one transaction. */
export interface Runner {
  run<R extends Row = Row>(statement: Statement): Promise<Answer<R>>
  /** In one round trip where the session fuses. */
  runAll(statements: readonly Statement[]): Promise<readonly Answer[]>
}
