// What the generated types of the database say of its functions and stages: for whoever calls them, functions, command line and web app.
import type { Database, Json } from "./database.types.ts";

type Functions = Database["public"]["Functions"];
export type FunctionName = keyof Functions & string;

/** Null is a value of every SQL argument, and anything that JSON can hold one of jsonb; the generated types say neither. */
export type Args<Name extends FunctionName> = {
  [Key in keyof Functions[Name]["Args"]]: Json extends Functions[Name]["Args"][Key] ? unknown
    : Functions[Name]["Args"][Key] | null;
};

/** As SQL declares it; it may be null. */
export type Returns<Name extends FunctionName> = Functions[Name]["Returns"] | null;

/** The same where SQL declares it; what a jsonb holds the caller says, as the file of the function does. */
export type Answer<Name extends FunctionName, InJson> = Json extends Functions[Name]["Returns"]
  ? InJson
  : Functions[Name]["Returns"];

type Ends<Name> = Name extends `commit_${infer Stage}` ? Stage : never;
type Begins<Name> = Name extends `input_${infer Stage}` ? Stage : never;

/** A stage: it begins with `input_<stage>`. */
export type StageName = Begins<FunctionName>;

/** What commits the output of a stage; one that has no such function, as `gsc_import`, commits by itself and never asks. */
export const commitOf = (stage: StageName) =>
  `commit_${stage}` as `commit_${StageName & Ends<FunctionName>}`;
