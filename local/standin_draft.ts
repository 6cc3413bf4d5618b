// What the stand-in model writes. It is no language model: it arranges what the prompt says.

export function writeDraft(prompt: string): Record<string, unknown> {
  return { heading: "Draft", summary: prompt.slice(0, 80) };
}
