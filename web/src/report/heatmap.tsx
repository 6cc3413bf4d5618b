// Topics × sections: which part of the page answers what. One grid for the keyboard (arrows, Home, End) and for a screen
// reader, which hears topic, section and figure.

import { useMemo, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { compact, percent } from "../format.ts";
import { href, param } from "../router.ts";
import { Empty } from "../ui.tsx";
import { Choice } from "./edits.tsx";
import { kindLabels, type ReportModel, toCells } from "./model.ts";

const shownTopics = 60;

export function Heatmap({ model }: { model: ReportModel }) {
  const kind = param("kind");
  const topics = model.asked.filter((topic) => !kind || topic.kind === kind);
  const rows = useMemo(
    () => topics.slice(0, shownTopics).map((topic) => ({ topic, cells: toCells(model, topic) })),
    [model, kind],
  );
  // A section that answers nothing is a column of nothing.
  const sections = model.sections.filter((section) =>
    rows.some(({ cells }) => cells.has(section.index))
  );
  const at = useSignal({ row: 0, column: 0 });
  const grid = useRef<HTMLTableElement>(null);
  if (model.sections.length === 0) {
    return <Empty title="No sections">The page's text is not stored with this job.</Empty>;
  }

  const move = (event: KeyboardEvent) => {
    const { row, column } = at.value;
    const last = { row: rows.length - 1, column: sections.length - 1 };
    const targets: Record<string, { row: number; column: number }> = {
      ArrowRight: { row, column: Math.min(column + 1, last.column) },
      ArrowLeft: { row, column: Math.max(column - 1, 0) },
      ArrowDown: { row: Math.min(row + 1, last.row), column },
      ArrowUp: { row: Math.max(row - 1, 0), column },
      Home: { row: event.ctrlKey ? 0 : row, column: 0 },
      End: { row: event.ctrlKey ? last.row : row, column: last.column },
    };
    const target = targets[event.key];
    if (!target) return;
    event.preventDefault();
    at.value = target;
    grid.current?.querySelector<HTMLElement>(`[data-at="${target.row} ${target.column}"]`)?.focus();
  };

  return (
    <>
      <div class="filters">
        <Choice
          label="Topics"
          name="kind"
          value={kind}
          options={[["", "All"], ["gap", kindLabels.gap], ["partly", kindLabels.partly], [
            "answered",
            kindLabels.answered,
          ], ["improve", kindLabels.improve]]}
        />
        <p class="legend" aria-hidden="true">
          {[0.15, 0.45, 0.72, 0.95].map((value) => (
            <span key={value}>
              <i class="heat" data-heat={heat(value)} />
              {percent(value)}
            </span>
          ))}
          <span>answered by that section's passages</span>
        </p>
      </div>
      <p class="visually-hidden" id="heatmap-help">
        Rows are topics by impressions, columns are sections in the page's order. Arrow keys move
        between cells.
      </p>
      <div class="table-scroll heat-scroll" role="region" aria-label="Heat map">
        <table
          class="heatmap"
          role="grid"
          aria-label="Topics by sections"
          aria-describedby="heatmap-help"
          ref={grid}
          onKeyDown={move}
        >
          <thead>
            <tr>
              <th scope="col">Topic</th>
              {sections.map((section) => (
                <th key={section.index} scope="col" class="column">
                  <span dir="auto" title={section.heading}>{section.heading}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ topic, cells }, row) => (
              <tr key={topic.id}>
                <th scope="row">
                  <a
                    href={href(`report/${model.result.job.id}/text`, { topic: topic.id })}
                    dir="auto"
                  >
                    {topic.label}
                  </a>
                  <span class="quiet">{compact(topic.impressions)}</span>
                </th>
                {sections.map((section, column) => {
                  const cell = cells.get(section.index);
                  const isAt = at.value.row === row && at.value.column === column;
                  const label = cell
                    ? `${percent(cell.coverage)} answered: ${cell.queries.slice(0, 3).join(", ")}`
                    : "nothing";
                  return (
                    <td
                      key={section.index}
                      role="gridcell"
                      tabIndex={isAt ? 0 : -1}
                      data-at={`${row} ${column}`}
                      title={cell ? `${topic.label} × ${section.heading}: ${label}` : undefined}
                      aria-label={label}
                      onFocus={() => (at.value = { row, column })}
                    >
                      {cell && (
                        <i
                          class="heat"
                          data-heat={heat(cell.coverage)}
                          data-share={Math.ceil(cell.share * 4)}
                        />
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {topics.length > shownTopics && (
        <p class="quiet">The {shownTopics} topics with the most impressions of {topics.length}.</p>
      )}
      <p class="quiet">
        A square is large where a section is the nearest to most of a topic's searches, and deep
        where it answers them.
      </p>
    </>
  );
}

/** A step of the scale, 0 to 5. */
export const heat = (coverage: number) => Math.max(0, Math.min(5, Math.floor(coverage * 6)));
