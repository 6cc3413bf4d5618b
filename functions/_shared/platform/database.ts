// What the generated types of the database say of its stages.
import type { Database } from "./database.types.ts";

type Functions = Database["public"]["Functions"];
export type FunctionName = keyof Functions & string;

type Ends<Name> = Name extends `commit_${infer Stage}` ? Stage : never;
type Begins<Name> = Name extends `input_${infer Stage}` ? Stage : never;

/** A stage: it begins with `input_<stage>`. */
export type StageName = Begins<FunctionName>;

/** What commits the output of a stage; one that has no such function, as `gsc_import`, commits by itself and never asks. */
export const commitOf = (stage: StageName) =>
  `commit_${stage}` as `commit_${StageName & Ends<FunctionName>}`;
