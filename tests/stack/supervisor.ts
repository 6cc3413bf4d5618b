// A named stack in a process of its own, for tests that kill it. Prints its pid when it is up, and
// stops when its input ends.
import { startStack } from "../../local/stack.ts";

const [instance, projectDir, ports] = Deno.args;
const stack = await startStack({
  instance,
  projectDir,
  ports: JSON.parse(ports ?? "{}"),
  ticker: false,
  report: (line) => console.error(line),
});
await (await fetch(`${stack.apiUrl}/functions/v1/hello`)).body?.cancel();
console.log("up");
const stopping = Promise.withResolvers<void>();
Deno.addSignalListener("SIGTERM", () => stopping.resolve());
await stopping.promise;
await stack.stop();
Deno.exit();
