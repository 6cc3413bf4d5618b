// How the pipeline writes a query before it embeds it: some models want a prefix.

/** The text whose embedding stands for `query`. */
export function queryText(_model: string | null, query: string): Promise<string> {
  return Promise.resolve(query);
}
