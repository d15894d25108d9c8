import type { TableNames } from './postgres-tables.ts'
import { tombstoneMs } from './tombstone.ts'

const prunedAtOnce = 200

/**
 * The statements of the store, one per operation. A row without `sealed` is a tombstone. Expiry is
 * compared with now(), which can use the index; leases with clock_timestamp(), which is the time
 * after a wait for a row lock.
 *
 * @internal
 */
export function statements({ sets, claims }: TableNames) {
  const live = 'sealed IS NOT NULL AND expires_at > now()'
  const insert = `
    INSERT INTO ${sets} (id, version, sealed, expires_at, subject_key, sid_key)
    VALUES ($1, $2, $3, ${timestamp('$4')}, $5, $6)
    ON CONFLICT (id) DO NOTHING`

  return {
    create: insert,

    createAndPrune: `
    WITH expired AS (
      SELECT id FROM ${sets} WHERE expires_at <= now() LIMIT ${prunedAtOnce} FOR UPDATE SKIP LOCKED
    ), pruned AS (
      DELETE FROM ${sets} USING expired WHERE ${sets}.id = expired.id
    ), lapsed AS (
      SELECT token_set_id, name FROM ${claims}
      WHERE lease_ends_at <= now() LIMIT ${prunedAtOnce} FOR UPDATE SKIP LOCKED
    ), freed AS (
      DELETE FROM ${claims} USING lapsed
      WHERE ${claims}.token_set_id = lapsed.token_set_id AND ${claims}.name = lapsed.name
    ) ${insert}`,

    read: `
    SELECT version, sealed, (extract(epoch FROM expires_at) * 1000)::float8 AS expires_at,
      subject_key, sid_key
    FROM ${sets} WHERE id = $1 AND ${live}`,

    // The row is locked before it is compared, so that the answer is about the newest version.
    replace: `
    WITH stored AS (
      SELECT version FROM ${sets} WHERE id = $1 AND ${live} FOR UPDATE
    ), replaced AS (
      UPDATE ${sets}
      SET version = $2, sealed = $3, expires_at = ${timestamp('$4')}, subject_key = $5, sid_key = $6
      FROM stored WHERE ${sets}.id = $1 AND stored.version = $7::integer
      RETURNING 1
    )
    SELECT CASE
      WHEN EXISTS (SELECT FROM replaced) THEN 'ok'
      WHEN EXISTS (SELECT FROM stored) THEN 'conflict'
      ELSE 'gone'
    END AS result`,

    remove: `
    INSERT INTO ${sets} (id, version, expires_at)
    VALUES ($1, 0, now() + interval '${tombstoneMs} milliseconds')
    ON CONFLICT (id) DO UPDATE SET version = 0, sealed = NULL, expires_at = excluded.expires_at,
      subject_key = NULL, sid_key = NULL`,

    claim: `
    INSERT INTO ${claims} AS current (token_set_id, name, owner, lease_ends_at)
    VALUES ($1, $2, $3, ${leaseEnd})
    ON CONFLICT (token_set_id, name) DO UPDATE SET owner = $3, lease_ends_at = ${leaseEnd}
    WHERE current.owner = $3 OR current.lease_ends_at <= clock_timestamp()
    RETURNING 1`,

    renew: `
    UPDATE ${claims} SET lease_ends_at = ${leaseEnd}
    WHERE token_set_id = $1 AND name = $2 AND owner = $3 AND lease_ends_at > clock_timestamp()
    RETURNING 1`,

    release: `DELETE FROM ${claims} WHERE token_set_id = $1 AND name = $2 AND owner = $3`,

    findBySubject: `
    SELECT coalesce(json_agg(id), '[]') AS ids FROM ${sets} WHERE subject_key = $1 AND ${live}`,

    findBySid: `
    SELECT coalesce(json_agg(id), '[]') AS ids FROM ${sets} WHERE sid_key = $1 AND ${live}`,
  } as const
}

const leaseEnd = "clock_timestamp() + $4::float8 * interval '1 millisecond'"

function timestamp(milliseconds: string): string {
  return `to_timestamp(${milliseconds}::float8 / 1000)`
}
