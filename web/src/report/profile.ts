// How the pipeline words a text before it embeds it: some models want a prefix (crates/models).

/** The text whose stored embedding stands for `query`. */
export async function queryText(model: string | null, query: string): Promise<string> {
  const { model_profile } = await import("../../../functions/_shared/wasm/policy.ts");
  return (model_profile(model ?? "").query_prefix ?? "") + query;
}
