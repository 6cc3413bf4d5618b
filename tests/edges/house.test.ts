// Installs, upgrades and inputs: the faults I1 to I11 and C1 to C6.

import assert from "node:assert/strict";
import { edges, shownBy } from "./edge.ts";

const install = (id: string, fault: string, before: string, test: string) =>
  shownBy(id, fault, before, `tests/install/install.test.ts#${test}`);
const csv = (id: string, fault: string, before: string, test: string) =>
  shownBy(id, fault, before, `crates/gsc/tests/csv.rs#${test}`);

edges("house", [
  shownBy(
    "I1",
    "upgrades never arrive",
    "a changed function stayed as it was",
    "tests/deploy/deploy.test.ts#a changed function arrives",
  ),
  install(
    "I2",
    "set_updated_at() of the project's own",
    "replaced",
    "own set_updated_at: it stays as it is",
  ),
  install(
    "I3",
    "prune(integer) of the project's own",
    "lost its grants",
    "own prune(integer): it keeps its grants",
  ),
  install(
    "I4",
    "tables of our names",
    "the install failed",
    "the six tables in another shape: adopted",
  ),
  install(
    "I5",
    "a queue of our name",
    "taken over, its messages dead-lettered",
    "own queue of our name: refused",
  ),
  install(
    "I6",
    "a migration history of the project's own",
    "refused, with advice to revert it",
    "own migration history: untouched",
  ),
  install("I7", "half-installed", "stuck for good", "half-installed by db push"),
  install(
    "I8",
    "removing leaves things behind",
    "59 functions stayed, nothing came again",
    "remove and again: nothing is left",
  ),
  {
    id: "I9",
    fault: "keys that are none are stored for the schedules",
    before: "accepted with a line break, and the anon key",
    async now({ sql }) {
      const set = (key: string) =>
        sql`select pipeline.set_schedule_secrets('https://project.supabase.co', ${key})`;
      const anon = `eyJhbGciOiJIUzI1NiJ9.${btoa('{"role":"anon"}').replaceAll("=", "")}.x`;
      await assert.rejects(set("sb_secret_x\n"), /line break/);
      await assert.rejects(set(anon), /not the anon key/);
      return "refused, with the reason";
    },
  },
  install(
    "I10",
    "a deleted user leaves everything",
    "pages, jobs and events stayed",
    "a user is erased with all that is theirs",
  ),
  install(
    "I11",
    "doorbells pile up while pg_net is stopped",
    "17,280 a day",
    "one waiting ring is enough",
  ),
  csv(
    "C1",
    "Pages.csv is analysed as queries",
    "exit 0, a draft about URLs",
    "another_report_of_the_export_is_named",
  ),
  csv(
    "C2",
    "the queries of several pages are merged",
    "all pages as one",
    "of_several_pages_the_one_that_is_analysed_counts",
  ),
  csv("C3", "BigQuery's bulk export", "refused", "the_bulk_export_of_bigquery_is_read"),
  csv(
    "C4",
    "blank rows, missing positions, totals",
    "the file was refused, or the total a query",
    "blank_rows_missing_positions_and_totals_do_no_harm",
  ),
]);
