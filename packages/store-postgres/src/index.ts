export { migrationSql } from './migrations.js'
export type { Answer, PostgresClient, PostgresOptions, PostgresPool, Row, Statement } from './options.js'
export { postgres } from './store.js'
