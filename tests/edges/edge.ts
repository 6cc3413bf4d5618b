// Faults that were found once, each by its reproduction: a line of the table that `./pageperfect test --only edges` shows.
// Numbers, and what the reproduction did when the fault was found, are kept; what it does now is what it just did.

import postgres from "npm:postgres@3.4.9";
import { type Stack, startStack } from "../../local/stack.ts";

export type Sql = postgres.Sql;

/** What a reproduction gets: a database with nothing in it, and connections of its own. */
export interface Scene {
  stack: Stack;
  sql: Sql;
  /** Another session; it ends with the reproduction. */
  connect(options?: Record<string, string>): Sql;
  /** Moves the clock of `sql`. */
  travel(seconds: number): Promise<void>;
}

export interface Edge {
  /** Such as E1. */
  id: string;
  fault: string;
  /** What the reproduction did at a2c8525. */
  before: string;
  /** Runs the reproduction and says what it does now; throws when that is not right. */
  now(scene: Scene): Promise<string>;
}

/** A line of the table for a fault whose reproduction stands in another test: that test shows it, and fails with it. */
export function shownBy(id: string, fault: string, before: string, test: string): Edge {
  return {
    id,
    fault,
    before,
    async now() {
      // The test must be there, or the line claims what nothing shows.
      const [file, name] = test.split("#");
      const text = await Deno.readTextFile(new URL(`../../${file}`, import.meta.url));
      if (name && !text.includes(name)) throw new Error(`${file} has no test ${name}`);
      return `shown by ${test}`;
    },
  };
}

/** Runs the reproductions, one after the other on one stack, and notes their lines. */
export function edges(name: string, list: Edge[]): void {
  Deno.test({
    name,
    fn: async (test) => {
      await using stack = await startStack({ ticker: false });
      for (const edge of list) {
        await test.step(`${edge.id} ${edge.fault}`, async () => {
          await empty(stack.sql);
          const opened: Sql[] = [];
          const connect = (options: Record<string, string> = {}) => {
            const sql = postgres(stack.dbUrl, {
              max: 1,
              onnotice: () => {},
              fetch_types: false,
              connection: options,
            });
            opened.push(sql);
            return sql;
          };
          const sql = connect();
          let seconds = 0;
          const travel = async (by: number) => {
            seconds += by;
            const at = new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
            await sql`select set_config('pageperfect.fake_now', ${at}, false)`;
          };
          await travel(0);
          try {
            note(edge, await edge.now({ stack, sql, connect, travel }), true);
          } catch (error) {
            note(edge, `FAILED: ${(error as Error).message.split("\n")[0]}`, false);
            throw error;
          } finally {
            await Promise.all(opened.map((one) => one.end({ timeout: 1 })));
          }
        });
      }
    },
  });
}

function note({ id, fault, before }: Edge, now: string, isRight: boolean) {
  const file = Deno.env.get("PAGEPERFECT_TEST_EDGES");
  const line = `${id.padEnd(4)}${
    isRight ? "✓" : "✗"
  } ${fault}\n      a2c8525  ${before}\n      now      ${now}\n`;
  if (file) Deno.writeTextFileSync(file, `${JSON.stringify({ id, line })}\n`, { append: true });
  else console.log(line);
}

/** Forgets all jobs, pages and messages. */
async function empty(sql: Sql) {
  await sql`truncate pipeline.jobs, pipeline.dead_letters, pipeline.daily_usage, public.pages,
    public.gsc_properties, public.embedding_cache cascade`;
  for (const { queue } of await sql`select queue from pipeline.pipelines`) {
    await sql.unsafe(`truncate pgmq.q_${queue}, pgmq.a_${queue}`);
  }
}

/** The table of all lines that a run noted, by number. */
export function tableOf(notes: string): string {
  const order = (id: string) => id[0] + id.slice(1).padStart(3, "0");
  return notes.trim().split("\n").filter(Boolean)
    .map((line) => JSON.parse(line) as { id: string; line: string })
    .sort((a, b) => order(a.id).localeCompare(order(b.id)))
    .map(({ line }) => line).join("");
}
