/** The quoted names that statements use. */
export interface TableNames {
  readonly sets: string
  readonly claims: string
}

// PostgreSQL cuts names at 63 bytes; the longest name made from the table's is 12 bytes longer.
const longestTable = 51
const longestSchema = 63

/**
 * Quotes the names of the tables.
 *
 * @internal
 */
export function tableNames(table: string, schema: string | undefined): TableNames {
  checkIdentifier('table', table, longestTable)
  if (schema !== undefined) checkIdentifier('schema', schema, longestSchema)
  const qualified = (name: string): string =>
    schema === undefined ? quoted(name) : `${quoted(schema)}.${quoted(name)}`
  return { sets: qualified(table), claims: qualified(`${table}_claims`) }
}

/**
 * Creates what is missing, as one statement and therefore one transaction. Existing tables are not
 * touched, so a role that may not create tables can use those that a migration made.
 *
 * @internal
 */
export function createTables(table: string, { sets, claims }: TableNames): string {
  const index = (column: string): string => quoted(`${table}_${column}`)
  // Concurrent CREATE TABLE IF NOT EXISTS of one name can fail, hence the lock.
  return `DO $create$ BEGIN
  PERFORM pg_advisory_xact_lock(${creationLock});
  IF to_regclass(${literal(sets)}) IS NULL THEN
    CREATE TABLE ${sets} (
      id text PRIMARY KEY,
      version integer NOT NULL,
      sealed text,
      expires_at timestamptz NOT NULL,
      subject_key text,
      sid_key text
    );
    CREATE INDEX ${index('subject_key')} ON ${sets} (subject_key) WHERE subject_key IS NOT NULL;
    CREATE INDEX ${index('sid_key')} ON ${sets} (sid_key) WHERE sid_key IS NOT NULL;
    CREATE INDEX ${index('expires_at')} ON ${sets} (expires_at);
  END IF;
  IF to_regclass(${literal(claims)}) IS NULL THEN
    CREATE TABLE ${claims} (
      token_set_id text NOT NULL,
      name text NOT NULL,
      owner text NOT NULL,
      lease_ends_at timestamptz NOT NULL,
      PRIMARY KEY (token_set_id, name)
    );
  END IF;
END $create$`
}

/** An arbitrary number that only this package uses. */
const creationLock = '7311852160468523'

function checkIdentifier(option: string, value: string, longest: number): void {
  const fits = Buffer.byteLength(value) <= longest
  // The second would end the quoting of the statement that creates the tables.
  const harmless = value !== '' && !value.includes('\0') && !value.includes('$create$')
  if (fits && harmless) return
  throw new TypeError(
    `${option} must be a name of 1 to ${longest} bytes, but it is ${JSON.stringify(value)}.`,
  )
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
