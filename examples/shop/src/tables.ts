import type { Database } from '@waybill/outbox'

/** What the services keep. Each touches its own tables only. */
export async function prepareTables(database: Database): Promise<void> {
  for (const statement of statements) await database.query(statement)
}

const statements = [
  `CREATE TABLE IF NOT EXISTS orders (
    number serial, "orderId" text PRIMARY KEY, customer text NOT NULL, lines jsonb NOT NULL, total integer NOT NULL, status text NOT NULL)`,
  'CREATE TABLE IF NOT EXISTS items (sku text PRIMARY KEY, name text NOT NULL, price integer NOT NULL, quantity integer NOT NULL CHECK (quantity >= 0))',
  `INSERT INTO items VALUES ('lamp', 'Desk lamp', 45, 40), ('chair', 'Chair', 120, 25), ('desk', 'Standing desk', 560, 6), ('plant', 'Plant', 18, 3)
    ON CONFLICT DO NOTHING`,
  'CREATE TABLE IF NOT EXISTS reservations ("orderId" text PRIMARY KEY, lines jsonb NOT NULL)',
  'CREATE TABLE IF NOT EXISTS charges (number serial, "orderId" text PRIMARY KEY)',
  'CREATE TABLE IF NOT EXISTS chapters (number serial PRIMARY KEY, "orderId" text NOT NULL, at timestamptz NOT NULL DEFAULT now(), message text NOT NULL, payload jsonb NOT NULL)',
  'CREATE INDEX IF NOT EXISTS chapters_of_order ON chapters ("orderId")',
]
