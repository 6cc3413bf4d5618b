// What a jsonb must hold. Types end at the database's edge; from there on a schema says what comes, and is held to it.
import * as v from "npm:valibot@1.5.0";
import { Failure } from "./failure.ts";

/**
 * @param name what answered, for the error
 * @throws Failure `answer_unexpected` that names the first place that is not as expected, and no value
 */
export function expect<Answer extends v.GenericSchema>(
  answer: Answer,
  data: unknown,
  name: string,
): v.InferOutput<Answer> {
  const result = v.safeParse(answer, data, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const place = v.getDotPath(issue);
  throw new Failure(
    `${name} answered ${issue.received} where ${issue.expected} is expected${
      place ? `, at ${place}` : ""
    }`,
    { code: "answer_unexpected" },
  );
}

/** Of JSON that goes on to Rust as it is: its own types check it there. */
export const forRust = <Type extends object>() =>
  v.custom<Type>((value) => typeof value === "object" && value !== null);

/** `{status}`, of a function that changes a stage: what it did, or why not. */
export const Status = v.looseObject({ status: v.string() });
