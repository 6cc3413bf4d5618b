/** What a look at the clock adds, milliseconds. */
export const tickMs = 20;
