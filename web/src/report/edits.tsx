// The ranked edits: what to do, where, and what it is worth.

import { compact, percent, position } from "../format.ts";
import { href, param, setQuery } from "../router.ts";
import { Badge, Empty, Meter } from "../ui.tsx";
import { type Edit, editLabels, placeText, type ReportModel } from "./model.ts";

const tones = { write: "gap", extend: "partly", improve: "improve" } as const;

export function EditList({ model }: { model: ReportModel }) {
  const { edits, job } = model.result;
  const kind = param("kind");
  const state = param("state");
  if (edits.length === 0) {
    return (
      <Empty title="Nothing to write">
        The page answers what people ask. See{" "}
        <a href={href(`report/${job.id}/topics`)}>the topics</a> for how well.
      </Empty>
    );
  }
  const shown = edits.filter((edit) => {
    if (kind && edit.kind !== kind) return false;
    const decision = model.decisions.get(edit.id)?.decision;
    if (state === "open") return decision === undefined || decision === "draft";
    return !state || decision === state;
  });
  return (
    <>
      <div class="filters" role="group" aria-label="Filter the edits">
        <Choice
          label="Kind"
          name="kind"
          value={kind}
          options={[["", "All kinds"], ...Object.entries(editLabels)]}
        />
        <Choice
          label="State"
          name="state"
          value={state}
          options={[["", "Decided or not"], ["open", "Open"], ["accepted", "Accepted"], [
            "rejected",
            "Rejected",
          ]]}
        />
        <span class="quiet" role="status">{shown.length} of {edits.length}</span>
      </div>
      {shown.length === 0 && (
        <p class="quiet">
          No edit is left under this filter. <a href={href(`report/${job.id}`)}>Show all</a>
        </p>
      )}
      <ol class="edits">
        {shown.map((edit) => <EditCard key={edit.id} edit={edit} model={model} />)}
      </ol>
    </>
  );
}

export function Choice(
  { label, name, value, options }: {
    label: string;
    name: string;
    value: string | undefined;
    options: (readonly [string, string])[];
  },
) {
  return (
    <label class="choice">
      <span>{label}</span>
      <select
        value={value ?? ""}
        onChange={(event) => setQuery({ [name]: event.currentTarget.value, cursor: null })}
      >
        {options.map(([key, text]) => <option key={key} value={key}>{text}</option>)}
      </select>
    </label>
  );
}

function EditCard({ edit, model }: { edit: Edit; model: ReportModel }) {
  const { job } = model.result;
  const draft = model.draftOf.get(edit.id);
  const decision = model.decisions.get(edit.id)?.decision;
  const more = edit.open_queries.length - 4;
  const link = href(`report/${job.id}/edit/${edit.id}`);
  return (
    <li class={`edit ${decision ?? ""}`}>
      <div class="edit-rank" aria-hidden="true">{edit.rank}</div>
      <div class="edit-main">
        <h2>
          <a href={link} dir="auto">{edit.label}</a>
        </h2>
        <p class="edit-place">
          <Badge tone={tones[edit.kind]}>{editLabels[edit.kind]}</Badge>{" "}
          <span dir="auto">{placeText(edit)}</span>
        </p>
        <ul class="queries" aria-label="Queries left open">
          {edit.open_queries.slice(0, 4).map((query) => <li key={query} dir="auto">{query}</li>)}
          {more > 0 && <li class="quiet">and {more} more</li>}
        </ul>
        {edit.reason && <p class="quiet" dir="auto">{edit.reason}</p>}
      </div>
      <dl class="edit-figures">
        {edit.expected_clicks >= 1
          ? (
            <div class="worth">
              <dt>Clicks a month</dt>
              <dd>+{compact(Math.round(edit.expected_clicks))}</dd>
            </div>
          )
          : (
            <div class="worth">
              <dt>Opportunity</dt>
              <dd>{compact(edit.opportunity)}</dd>
            </div>
          )}
        <div>
          <dt>Impressions</dt>
          <dd>{compact(edit.impressions)}</dd>
        </div>
        <div>
          <dt>Position</dt>
          <dd>{position(edit.avg_position)}</dd>
        </div>
        <div>
          <dt>Answered</dt>
          <dd>
            <Meter
              value={edit.coverage}
              label={`${percent(edit.coverage)} answered`}
              tone={tones[edit.kind]}
            />{" "}
            {percent(edit.coverage)}
          </dd>
        </div>
      </dl>
      <p class="edit-state">
        <Badge tone={edit.priority === "P1" ? "p1" : "aside"}>{edit.priority}</Badge>
        {decision === "accepted" && <Badge tone="answered">Accepted</Badge>}
        {decision === "rejected" && <Badge tone="aside">Rejected</Badge>}
        {decision === "draft" && <Badge tone="improve">Edited</Badge>}
        {draft && !decision && <Badge tone="improve">Draft ready</Badge>}
      </p>
    </li>
  );
}
