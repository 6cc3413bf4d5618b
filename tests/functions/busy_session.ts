// Loaded into each function's process after the stand-in for the built-in model: makes it as slow as the real one is on a
// small machine, on the function's own CPU time.

import process from "node:process";

const { Session } = (globalThis as unknown as {
  Supabase: { ai: { Session: { prototype: { run(...args: unknown[]): Promise<number[]> } } } };
}).Supabase.ai;
const { run } = Session.prototype;

Session.prototype.run = function (...args) {
  const usedMs = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const start = usedMs();
  while (usedMs() < start + 100);
  return run.apply(this, args);
};
