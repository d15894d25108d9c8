/**
 * How long a removed id stays refused: far longer than any request that could still be carrying a
 * write for it.
 *
 * @internal
 */
export const tombstoneMs = 60 * 60 * 1000
