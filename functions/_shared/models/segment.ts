// A segment of a page as the database hands it over.
import * as v from "npm:valibot@1.5.0";

export const Segment = v.looseObject({
  id: v.number(),
  kind: v.string(),
  heading_path: v.array(v.string()),
  text: v.string(),
});
