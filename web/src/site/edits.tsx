// The edits of a site's plan, each with its draft to unfold.

import { useRef } from "preact/hooks";
import {
  kindNames,
  type SiteDraft,
  type SiteEdit,
  type SitePlan,
  where,
} from "../../../cli/site/plan.ts";
import {
  draftName,
  draftNote,
  draftsOf,
  draftSummary,
  editsOf,
  originOfDraft,
  type WrittenDraft,
} from "../../../cli/site/text.ts";
import { compact, count, position, shortUrl, shortUrls } from "../format.ts";
import { SearchField } from "../ops/jobs.tsx";
import { Choice } from "../report/edits.tsx";
import { HeadingsAbove, Markdown, sectionText } from "../report/markdown.tsx";
import { param } from "../router.ts";
import { Badge, Button, copy, Table } from "../ui.tsx";
import { editTones, PageLink } from "./parts.tsx";

/** The columns of the table. */
const columnCount = 7;

export function Edits({ plan }: { plan: SitePlan }) {
  const { open, answered } = editsOf(plan), edits = [...open, ...answered];
  const drafts = draftsOf(plan), summary = draftSummary(plan);
  const kind = param("kind"), effort = param("effort"), search = (param("q") ?? "").toLowerCase();
  const draft = param("draft");
  const shown = edits.filter((edit) =>
    (!kind || edit.kind === kind) && (!effort || edit.effort === effort) &&
    (!draft || drafts.get(edit.id)?.status === draft) &&
    (!search ||
      `${edit.url} ${edit.label} ${edit.queries.join(" ")}`.toLowerCase().includes(search))
  );
  return (
    <>
      <div class="filters">
        <Choice
          label="Kind"
          name="kind"
          value={kind}
          options={[["", "All"], ...Object.entries(kindNames)]}
        />
        <Choice
          label="Effort"
          name="effort"
          value={effort}
          options={[["", "Any"], ["low", "Low"], ["medium", "Medium"], ["high", "High"]]}
        />
        {drafts.size > 0 && (
          <Choice
            label="Draft"
            name="draft"
            value={draft}
            options={[
              ...[["", "Any"], ["written", "Written"], ["answered", "Answered already"]],
              ...[["skipped", "Skipped"], ["failed", "Failed"]],
            ] as [string, string][]}
          />
        )}
        <SearchField label="Search" name="q" placeholder="page, topic or query" />
        <span class="quiet" role="status">{count(shown.length)} of {count(edits.length)}</span>
      </div>
      {summary && <p class="quiet">{summary}</p>}
      {shown.length === 0 && <p class="quiet">No edit fits.</p>}
      {shown.length > 0 && (
        <Table label="Edits">
          <thead>
            <tr>
              <th scope="col" class="number">#</th>
              <th scope="col">Edit</th>
              <th scope="col">Page</th>
              <th scope="col" class="number">Clicks a month</th>
              <th scope="col" class="number">Position</th>
              <th scope="col">Effort</th>
              <th scope="col">Why</th>
            </tr>
          </thead>
          <tbody>
            {shown.slice(0, 300).flatMap((edit) => [
              <tr key={edit.id}>
                <td class="number">{edit.rank}</td>
                <th scope="row" class="topic">
                  <Badge tone={editTones[edit.kind]}>
                    {kindNames[edit.kind]}
                  </Badge>{" "}
                  <span dir="auto">{edit.label}</span>
                  {edit.is_decayed && (
                    <>
                      <Badge tone="gap">falling</Badge>
                    </>
                  )}
                  <span class="quiet sub" dir="auto">
                    {edit.queries.filter((query) => query !== edit.label).slice(0, 3).join(" · ")}
                  </span>
                </th>
                <td class="clip">
                  <PageLink id={edit.page_id}>
                    <bdi>{shortUrl(edit.url)}</bdi>
                  </PageLink>
                  <span class="quiet sub" dir="auto">
                    {edit.target_url
                      ? `to ${shortUrl(edit.target_url)}`
                      : edit.place
                      ? where(edit)
                      : ""}
                  </span>
                </td>
                <td class="number">
                  {edit.expected_clicks >= 1
                    ? `+${compact(Math.round(edit.expected_clicks))}`
                    : "–"}
                </td>
                <td class="number">{position(edit.avg_position)}</td>
                <td>{edit.effort}</td>
                <td class="why" dir="auto">{shortUrls(edit.reason)}</td>
              </tr>,
              drafts.has(edit.id) && (
                <tr key={`draft of ${edit.id}`} class="draft-row">
                  <td colSpan={columnCount}>
                    <Draft plan={plan} edit={edit} draft={drafts.get(edit.id)!} />
                  </td>
                </tr>
              ),
            ])}
          </tbody>
        </Table>
      )}
    </>
  );
}

const draftTones = { written: "improve", answered: "answered", skipped: "aside", failed: "gap" };

/** What became of an edit's draft; one that was written is folded. */
function Draft({ plan, edit, draft }: { plan: SitePlan; edit: SiteEdit; draft: SiteDraft }) {
  const head = (
    <>
      <Badge tone={draftTones[draft.status]}>{draftName(draft)}</Badge>{" "}
      <span dir="auto">{draftNote(plan, draft)}</span>
    </>
  );
  if (draft.status !== "written") return <p class="draft">{head}</p>;
  return (
    <details class="draft">
      <summary>{head}</summary>
      <DraftText plan={plan} edit={edit} draft={draft} />
    </details>
  );
}

function DraftText({ plan, edit, draft }: { plan: SitePlan; edit: SiteEdit; draft: WrittenDraft }) {
  const rendered = useRef<HTMLDivElement>(null);
  const { brief } = draft, level = brief?.level ?? 2;
  const text = sectionText(draft, level);
  return (
    <>
      <p class="quiet" dir="auto">
        {edit.place && `To stand ${where(edit)}. `}
        {originOfDraft(plan, draft)}
      </p>
      <HeadingsAbove level={level} path={edit.place?.heading_path ?? []} />
      <div class="added" dir="auto" ref={rendered}>
        <Markdown text={text} />
      </div>
      {draft.facts_to_check.length > 0 && (
        <>
          <p>To check before publishing</p>
          <ul class="checks">
            {draft.facts_to_check.map((fact) => <li key={fact} dir="auto">{fact}</li>)}
          </ul>
        </>
      )}
      {brief && (
        <p class="quiet" dir="auto">
          Brief: {count(brief.word_count.least)} to {count(brief.word_count.most)} words
          {brief.links.length > 0 &&
            `; refer to ${brief.links.map(({ heading }) => `“${heading}”`).join(", ")}`}
        </p>
      )}
      <div class="actions">
        <Button onClick={() => copy(text, "The section as Markdown")}>Copy Markdown</Button>
        <Button
          onClick={() => copy(text, "The section as rich text", rendered.current?.innerHTML ?? "")}
        >
          Copy for Docs
        </Button>
      </div>
    </>
  );
}
