// What the views of a site's plan share.

import type { ComponentChildren } from "preact";
import type { EditKind } from "../../../cli/site/plan.ts";
import { href } from "../router.ts";

export const editTones: Record<EditKind, string> = {
  write: "gap",
  new_page: "gap",
  extend: "partly",
  improve: "improve",
  merge: "partly",
  link: "answered",
  move: "improve",
};

/** To the newest report of a page. */
export const PageLink = ({ id, children }: { id: string; children: ComponentChildren }) => (
  <a href={href(`page/${id}`)}>{children}</a>
);
