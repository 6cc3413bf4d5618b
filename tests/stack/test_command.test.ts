// How ./pageperfect test counts: nothing that did not run may look like a success.

import assert from "node:assert/strict";
import { count, countTap, denoResult, rustResult, scriptResult } from "../../cli/test.ts";

Deno.test("results_of_several_rust_binaries_add_up", () => {
  const text = `
running 2 tests
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
`;
  assert.deepEqual(count({ code: 101, text }, rustResult), { passed: 5, failed: 1, notes: [] });
});

Deno.test("the_wasm_runs_sum_is_read_and_not_its_lines_a_crate", () => {
  const text =
    "segment      4 passed, 0 failed\ngap          3 passed, 1 failed\n7 passed, 1 failed\n";
  assert.deepEqual(count({ code: 1, text }, scriptResult), { passed: 7, failed: 1, notes: [] });
});

Deno.test("denos_last_line_is_read_with_and_without_steps", () => {
  const read = (text: string) => count({ code: 0, text }, denoResult).passed;
  assert.equal(read("\nok | 12 passed | 0 failed (2s)\n"), 12);
  assert.equal(read("\nok | 7 passed (3 steps) | 0 failed | 1 ignored (2s)\n"), 7);
});

Deno.test("a_runner_that_did_not_compile_or_ran_nothing_counts_as_failed", () => {
  assert.equal(count({ code: 101, text: "error[E0308]: mismatched types" }, rustResult).failed, 1);
  assert.equal(count({ code: 0, text: "" }, rustResult).failed, 1);
  const crashed = "test result: ok. 2 passed; 0 failed; 0 ignored";
  assert.equal(count({ code: 139, text: crashed }, rustResult).failed, 1);
  assert.equal(count({ code: 127, text: "bash could not be run" }, denoResult).failed, 1);
});

Deno.test("a_filter_may_leave_a_suite_without_tests_but_hides_no_failure", () => {
  const text = "ok | 0 passed | 0 failed | 1 filtered out (28ms)\n";
  assert.equal(count({ code: 0, text }, denoResult, "guides").failed, 0);
  assert.equal(count({ code: 1, text }, denoResult, "guides").failed, 1);
});

Deno.test("what_failed_is_named", () => {
  const rust =
    "test a::b ... ok\ntest a::c ... FAILED\ntest result: FAILED. 1 passed; 1 failed; 0 ignored\n";
  assert.deepEqual(count({ code: 101, text: rust }, rustResult).notes, ["a::c"]);
  const deno = `one ...
  inner ... FAILED (1ms)

 ERRORS 

one ... inner => ./fail.test.ts:2:35
error: AssertionError: 1 == 2

 FAILURES 

one ... inner => ./fail.test.ts:2:35

FAILED | 0 passed | 1 failed (1 step) (2ms)
`;
  assert.deepEqual(count({ code: 1, text: deno + deno }, denoResult), {
    passed: 0,
    failed: 2,
    notes: Array(2).fill("one ... inner => ./fail.test.ts:2:35\nerror: AssertionError: 1 == 2"),
  });
});

Deno.test("tap_is_counted_against_its_plan", () => {
  const tap = (code: number, text: string) => countTap("a.sql", { code, text });
  assert.deepEqual(tap(0, "1..2\nok 1 - a\nok 2 - b\n"), { passed: 2, failed: 0, notes: [] });
  const broken = tap(0, "1..2\nok 1 - a\nnot ok 2 - b\n# Failed test 2\n");
  assert.deepEqual([broken.passed, broken.failed], [1, 1]);
  assert.match(broken.notes[0], /a\.sql: not ok 2 - b/);
});

Deno.test("a_pgtap_file_that_breaks_off_or_never_begins_fails", () => {
  const tap = (code: number, text: string) => countTap("a.sql", { code, text });
  const short = tap(0, "1..3\nok 1 - a\n");
  assert.deepEqual([short.passed, short.failed], [1, 1]);
  assert.match(short.notes[0], /planned 3 tests, ran 1/);
  const error = tap(3, "1..2\nok 1 - a\npsql:a.sql:9: ERROR:  relation does not exist\n");
  assert.equal(error.failed, 1);
  assert.match(error.notes[0], /relation does not exist/);
  assert.equal(tap(0, "").failed, 1);
});
