// The types that every rpc is checked against are those of the database as this checkout makes it.

import assert from "node:assert/strict";
import { databaseTypes, databaseTypesPath } from "../../cli/database_types.ts";

Deno.test("the types of the database are current", async () => {
  assert.equal(
    await Deno.readTextFile(databaseTypesPath),
    await databaseTypes(),
    "run ./pageperfect schema and commit what it writes",
  );
});
