/**
 * SQL for a UUID version 7 (RFC 9562) of the very moment at which it is evaluated: 48 bits of milliseconds, 12 bits
 * of the microseconds within (its method 3), then random. Evaluated under a lock, ids ascend in the order in which
 * the lock was had, as far as the server's clock does.
 */
export const uuidv7Sql = `(overlay(
    lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 512 / 125), 15, '0') PLACING '7' FROM 13 FOR 0
  ) || right(gen_random_uuid()::text, 17))::uuid`
