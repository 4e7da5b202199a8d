/** One step from a version of the tables to the next. `{}` stands for the schema. A step that was released never changes. */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly statements: readonly string[]
}

export const partitionRows = 500_000

/**
 * `xid` comes before `seq`, and both are filled in that order: a transaction has its number before it draws a place, so a place that was drawn
 * before a snapshot belongs to a transaction that this snapshot knows.
 */
export const migrations: readonly Migration[] = [
  {
    version: 1,
    name: 'outbox, inbox, timers, sagas',
    statements: [
      `CREATE SEQUENCE {}.outbox_seq`,
      `CREATE TABLE {}.outbox (
         xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
         seq bigint NOT NULL DEFAULT nextval('{}.outbox_seq'),
         shard text NOT NULL,
         id text NOT NULL,
         key text,
         destination text NOT NULL,
         head text NOT NULL,
         body bytea NOT NULL,
         expires_at timestamptz,
         stored_at timestamptz NOT NULL DEFAULT statement_timestamp(),
         PRIMARY KEY (seq)
       ) PARTITION BY RANGE (seq)`,
      `CREATE INDEX outbox_xid ON {}.outbox (xid)`,
      `CREATE TABLE {}.outbox_0 PARTITION OF {}.outbox FOR VALUES FROM (0) TO (${partitionRows})`,
      `CREATE TABLE {}.outbox_1 PARTITION OF {}.outbox FOR VALUES FROM (${partitionRows}) TO (${2 * partitionRows})`,
      `CREATE TABLE {}.outbox_cursor (
         shard text PRIMARY KEY,
         epoch bigint NOT NULL DEFAULT 0,
         owner text,
         lease_until timestamptz NOT NULL DEFAULT '-infinity',
         prev pg_snapshot NOT NULL DEFAULT '3:3:',
         floor bigint NOT NULL DEFAULT 0,
         win pg_snapshot,
         win_floor bigint,
         pos bigint NOT NULL DEFAULT 0,
         mark_floor bigint NOT NULL DEFAULT 0,
         mark_xid xid8 NOT NULL DEFAULT '3',
         is_paused boolean NOT NULL DEFAULT false,
         cluster bigint NOT NULL
       ) WITH (fillfactor = 50)`,
      `CREATE TABLE {}.outbox_parked (
         shard text NOT NULL,
         seq bigint NOT NULL,
         id text NOT NULL,
         key text,
         destination text NOT NULL,
         head text NOT NULL,
         body bytea NOT NULL,
         expires_at timestamptz,
         stored_at timestamptz NOT NULL,
         code text NOT NULL,
         reason text NOT NULL,
         parked_at timestamptz NOT NULL DEFAULT statement_timestamp(),
         is_retried boolean NOT NULL DEFAULT false,
         PRIMARY KEY (shard, seq)
       )`,
      `CREATE INDEX outbox_parked_key ON {}.outbox_parked (shard, key, seq)`,
      `CREATE TABLE {}.inbox (
         day date NOT NULL,
         grp text NOT NULL,
         key bytea NOT NULL,
         reply bytea,
         PRIMARY KEY (day, grp, key)
       ) PARTITION BY RANGE (day)`,
      `CREATE TABLE {}.inbox_foreign (
         grp text NOT NULL,
         key bytea NOT NULL,
         reply bytea,
         seen_at timestamptz NOT NULL DEFAULT statement_timestamp(),
         PRIMARY KEY (grp, key)
       )`,
      `CREATE INDEX inbox_foreign_seen_at ON {}.inbox_foreign (seen_at)`,
      `CREATE TABLE {}.inbox_sequence (
         grp text NOT NULL,
         producer text NOT NULL,
         key text NOT NULL,
         last bigint NOT NULL,
         seen_at timestamptz NOT NULL DEFAULT statement_timestamp(),
         PRIMARY KEY (grp, producer, key)
       )`,
      `CREATE TABLE {}.timer (
         id text PRIMARY KEY,
         due_at timestamptz NOT NULL,
         target text NOT NULL,
         subject text NOT NULL,
         payload bytea NOT NULL
       )`,
      `CREATE INDEX inbox_sequence_seen_at ON {}.inbox_sequence (seen_at)`,
      `CREATE INDEX timer_target ON {}.timer (target, due_at)`,
      `CREATE INDEX timer_subject ON {}.timer (subject)`,
      `CREATE TABLE {}.saga (
         name text NOT NULL,
         id text NOT NULL,
         definition int NOT NULL,
         status text NOT NULL,
         step text,
         state json NOT NULL,
         version int NOT NULL,
         started_at timestamptz NOT NULL,
         updated_at timestamptz NOT NULL,
         deadline_at timestamptz,
         trace text,
         PRIMARY KEY (name, id)
       )`,
      `CREATE INDEX saga_status ON {}.saga (status, updated_at, name, id)`,
      `CREATE TABLE {}.saga_step (
         n bigint GENERATED ALWAYS AS IDENTITY,
         name text NOT NULL,
         id text NOT NULL,
         step text NOT NULL,
         phase text NOT NULL,
         attempt int NOT NULL,
         status text NOT NULL,
         command_id text UNIQUE,
         deadline_at timestamptz,
         result json,
         error json,
         PRIMARY KEY (name, id, step, phase, attempt),
         FOREIGN KEY (name, id) REFERENCES {}.saga ON DELETE CASCADE
       )`,
      `CREATE TABLE {}.saga_correlation (
         name text NOT NULL,
         key_name text NOT NULL,
         key_value text NOT NULL,
         id text NOT NULL,
         PRIMARY KEY (name, key_name, key_value),
         FOREIGN KEY (name, id) REFERENCES {}.saga ON DELETE CASCADE
       )`,
      `CREATE INDEX saga_correlation_id ON {}.saga_correlation (name, id)`,
      `CREATE TABLE {}.saga_log (
         name text NOT NULL,
         id text NOT NULL,
         n bigint GENERATED ALWAYS AS IDENTITY,
         at timestamptz NOT NULL,
         event json NOT NULL,
         PRIMARY KEY (name, id, n),
         FOREIGN KEY (name, id) REFERENCES {}.saga ON DELETE CASCADE
       )`,
    ],
  },
]
