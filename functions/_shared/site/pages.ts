// The analysed pages of a site's job, as the database hands them to Rust: chunk by chunk, as text that is never taken apart here; and
// what the site's stages keep there between one invocation and the next.
import { Buffer } from "node:buffer";
import * as v from "npm:valibot@1.5.0";
import { Status } from "../engine/expect.ts";
import { held, type StageJob } from "../engine/lease.ts";
import type { StageContext } from "../engine/serve_stage.ts";
import { SiteBytes, type SitePacker } from "../wasm/site.ts";

/** What the stages after the analysis begin with. */
export const SiteInput = v.object({
  page_count: v.number(),
  period_days: v.number(),
  period_end: v.string(),
});

const Chunk = v.object({ last: v.nullable(v.number()), pages: v.string() });

const AnswerChunk = v.object({ last: v.nullable(v.number()), answers: v.string() });

const PagePart = v.object({
  position: v.number(),
  page_id: v.string(),
  has_sketches: v.boolean(),
  /** base64 */
  part: v.nullable(v.string()),
});
type PagePart = v.InferOutput<typeof PagePart>;

/** Pages a request: some 30 KB of text each. */
const chunkPages = 20;
/** Of what was packed. */
const chunkParts = 25;

type Context = Pick<StageContext, "rpc" | "signal" | "budget">;
export type Work = { stage: string; job: StageJob; context: StageContext };

/** Hands over the pages that lack `part`, chunk by chunk, and pauses where the budget says so. */
export async function eachPageInput(
  { job, context: { rpc, signal, budget } }: Work,
  part: "summary" | "links",
  left: number,
  take: (pages: string) => Promise<void>,
): Promise<void> {
  for (let after = 0;;) {
    signal.throwIfAborted();
    const { last, pages } = await rpc("site_page_inputs", {
      p_job_id: job.job_id,
      p_part: part,
      p_after: after,
      p_limit: chunkPages,
    }, Chunk);
    if (last === null) return;
    await take(pages);
    after = last;
    // Positions rise, so what is left shrinks.
    if (budget.isSpent) budget.pause(left - after);
  }
}

/** Every page's part, in the order of the site, from after a position on. */
export async function eachPagePart(
  work: { job: StageJob; context: Context },
  part: "summary" | "sketches",
  take: (page: PagePart, index: number) => void | Promise<void>,
  { after = 0, limit = chunkParts } = {},
): Promise<void> {
  for (let index = 0;;) {
    const pages = await pageParts(work, part, after, limit);
    for (const page of pages) await take(page, index++);
    if (pages.length < limit) return;
    after = pages[pages.length - 1].position;
  }
}

/** Some pages' part, in the order of the site; fewer than `limit` when they are the last. */
async function pageParts(
  { job, context: { rpc, signal } }: { job: StageJob; context: Context },
  part: "summary" | "sketches",
  after: number,
  limit: number,
): Promise<PagePart[]> {
  signal.throwIfAborted();
  return await rpc("site_page_parts", {
    p_job_id: job.job_id,
    p_part: part,
    p_after: after,
    p_limit: limit,
  }, v.array(PagePart));
}

/** Packs pages with the answers that were found to their queries, up to `limit` pages of the site; where they end, null: there are none. */
export async function packPages(
  work: Work,
  packer: SitePacker,
  after: number,
  limit: number,
): Promise<number | null> {
  const { job, context: { rpc } } = work;
  let last: number | null = null;
  for (let left = limit; left > 0; left -= chunkParts) {
    const chunk = { after: last ?? after, limit: Math.min(left, chunkParts) };
    const pages = await pageParts(work, "summary", chunk.after, chunk.limit);
    if (pages.length === 0) break;
    for (const page of pages) packer.push_summary(summaryOf(page));
    const found = await rpc("site_found_answers", {
      p_job_id: job.job_id,
      p_after: chunk.after,
      p_limit: chunk.limit,
    }, AnswerChunk);
    packer.push_answers(found.answers);
    last = pages[pages.length - 1].position;
  }
  return last;
}

/** @throws when it was not made */
export function summaryOf({ page_id, part }: PagePart): string {
  if (part === null) throw new Error(`page ${page_id} was not summed up`);
  return part;
}

/** Keeps what was made of pages. */
export async function stagePages(
  pages: ({ page_id: string } & Record<string, unknown>)[],
  { stage, job, context }: Work,
): Promise<void> {
  held(
    await context.rpc("stage_site_pages", {
      p_stage: stage,
      p_msg_id: job.msg_id,
      p_read_ct: job.read_ct,
      p_pages: pages,
    }, Status),
  );
}

/** Bytes as states hold them, without a copy of the bytes. */
export const base64 = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, byteLength).toString("base64");

/** Keeps a state under a name. */
export async function keep(
  name: string,
  state: string,
  { stage, job, context }: Work,
): Promise<void> {
  held(
    await context.rpc("stage_site_state", {
      p_stage: stage,
      p_msg_id: job.msg_id,
      p_read_ct: job.read_ct,
      p_name: name,
      p_state: state,
    }, Status),
  );
}

/** What `keep` kept; null: nothing. */
export const kept = (name: string, { stage, job, context }: Work) =>
  context.rpc("site_state", {
    p_job_id: job.job_id,
    p_stage: stage,
    p_name: name,
  });

/** What was kept. @throws when it was not */
export function needed<State>(state: State | null, name: string): State {
  if (state === null) throw new Error(`${name}: nothing was kept`);
  return state;
}

/** A large state goes in pieces: a text of megabytes is copied several times on its way, and its memory comes back late. */
const pieceLength = 250_000;

/** In place of a state that was kept in pieces. A write that is cut off leaves the pieces of the one before. */
const Pieces = v.object({ pieces: v.number(), round: v.number(), length: v.number() });

const piecesOf = (state: string | null) =>
  state?.startsWith('{"pieces":') ? v.parse(Pieces, JSON.parse(state)) : null;

/** Keeps bytes under a name, and frees them. */
export async function keepBytes(name: string, bytes: SiteBytes, work: Work): Promise<void> {
  try {
    const size = pieceLength / 4 * 3;
    const { length } = bytes;
    if (length <= size) return await keep(name, bytes.next(size) ?? "", work);
    const before = piecesOf(await kept(name, work));
    const round = 1 - (before?.round ?? 1);
    let pieces = 0;
    for (let piece = bytes.next(size); piece !== undefined; piece = bytes.next(size)) {
      await keep(`${name} ${round}.${pieces++}`, piece, work);
    }
    await keep(name, JSON.stringify({ pieces, round, length }), work);
  } finally {
    bytes.free();
  }
}

/** What `keepBytes` kept, or `keep` as base64, to be used up or freed; null: nothing. */
export async function keptBytes(name: string, work: Work): Promise<SiteBytes | null> {
  const state = await kept(name, work);
  if (state === null) return null;
  const inPieces = piecesOf(state);
  const bytes = new SiteBytes(inPieces?.length ?? 0);
  try {
    if (inPieces === null) bytes.push(state);
    for (let at = 0; at < (inPieces?.pieces ?? 0); at++) {
      const piece = `${name} ${inPieces?.round}.${at}`;
      bytes.push(needed(await kept(piece, work), piece));
    }
    if (inPieces !== null && bytes.length !== inPieces.length) {
      throw new Error(`${name}: pieces of ${bytes.length} bytes`);
    }
    return bytes;
  } catch (error) {
    bytes.free();
    throw error;
  }
}

/** Keeps a text that comes in pieces under a name, for the database to put together (commit_site_plan). */
export async function keepText(
  name: string,
  next: (size: number) => string | undefined,
  work: Work,
): Promise<void> {
  let pieces = 0;
  for (let piece = next(pieceLength); piece !== undefined; piece = next(pieceLength)) {
    await keep(`${name} ${pieces++}`, piece, work);
  }
  await keep(name, JSON.stringify({ pieces }), work);
}
