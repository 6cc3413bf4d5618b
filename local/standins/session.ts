// Loaded into each function's process before its code: the stand-in for the models that Supabase's Edge Functions have
// built in. The vectors come from the stack's stand-ins, so that tests see and count the calls.

class Session {
  constructor(readonly model: string) {}

  async run(
    text: string,
    { mean_pool, normalize }: { mean_pool?: boolean; normalize?: boolean } = {},
  ): Promise<number[]> {
    if (!mean_pool || !normalize) {
      throw new Error("the stand-in makes vectors with mean_pool and normalize only");
    }
    const response = await fetch(`${Deno.env.get("PAGEPERFECT_STANDIN_URL")}/session`, {
      method: "POST",
      body: JSON.stringify({ model: this.model, text }),
    });
    if (!response.ok) throw new Error(`gte-small: ${response.status} ${await response.text()}`);
    return await response.json();
  }
}

Object.assign(globalThis, { Supabase: { ai: { Session } } });
