/** What a person got wrong, in words for that person: what failed, why, what to do next. */
export class UsageError extends Error {}
