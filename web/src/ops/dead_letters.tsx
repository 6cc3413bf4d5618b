// Dead letters by reason: what failed, how often, and all of one kind sent back at once.

import { useSignal } from "@preact/signals";
import { ApiError, isOperator, rpc } from "../api.ts";
import { count, plural, relative, shortUrl, words } from "../format.ts";
import { refresh, useLive } from "../live.ts";
import { href, param } from "../router.ts";
import { ask, Badge, Button, Empty, ErrorNote, Loading, Page, Table, toast } from "../ui.tsx";
import { OperationsNav } from "./overview.tsx";

interface Letters {
  groups: {
    stage: string | null;
    reason: string;
    letter_count: number;
    first_at: string;
    last_at: string;
    example: string | null;
  }[];
  letters: {
    id: number;
    job_id: string | null;
    url: string | null;
    stage: string | null;
    reason: string;
    message: string | null;
    attempt_count: number;
    routed_at: string;
    replayed_at: string | null;
  }[];
  total_count: number;
}

export function DeadLetters() {
  const filters: Record<string, string> = {};
  for (const name of ["pipeline", "stage", "reason"]) {
    const value = param(name);
    if (value) filters[name] = value;
  }
  const { data, error } = useLive<Letters>(
    `letters ${JSON.stringify(filters)}`,
    (signal) => rpc("list_dead_letters", { p_filters: filters }, signal),
    5,
  );
  const done = useSignal<{ sent: number; of: number } | undefined>(undefined);
  const list = data.value;
  const isFiltered = Boolean(filters.stage || filters.reason);

  const replay = async () => {
    let open = list!.total_count;
    const yes = await ask({
      title: `Replay ${plural(open, "dead letter")}?`,
      text: (
        <p>
          {filters.reason
            ? (
              <>
                All with the reason <strong>{words(filters.reason)}</strong>
                {filters.stage && (
                  <>
                    at <strong>{words(filters.stage)}</strong>
                  </>
                )}
              </>
            )
            : "All open ones"}, not only those in view. Each goes back to its stage with the payload
          it failed with and fresh attempts.
        </p>
      ),
      yes: `Replay ${plural(open, "dead letter")}`,
    });
    if (!yes) return;
    const of = open;
    let sent = 0;
    try {
      while (open > 0) {
        done.value = { sent, of };
        const answer: { replayed_count: number; remaining_count: number } = await rpc(
          "replay_matching",
          { p_filters: filters, p_expected: open },
        );
        sent += answer.replayed_count;
        if (answer.replayed_count === 0) break;
        open = answer.remaining_count;
      }
      toast(
        `${plural(sent, "dead letter")} replayed${
          open > 0 ? `; ${plural(open, "letter")} of cancelled or deleted jobs stay` : ""
        }`,
      );
    } catch (thrown) {
      toast(`${(thrown as ApiError).message} ${(thrown as ApiError).hint ?? ""}`, { tone: "bad" });
    }
    done.value = undefined;
    refresh();
  };

  return (
    <Page
      title="Dead letters"
      lead="Work that will not be tried again by itself."
      actions={isOperator.value && list && list.total_count > 0 && (
        <Button kind="primary" busy={done.value !== undefined} onClick={replay}>
          {done.value
            ? `${count(done.value.sent)} of ${count(done.value.of)} sent`
            : `Replay all ${count(list.total_count)}${isFiltered ? " that match" : ""}`}
        </Button>
      )}
    >
      <OperationsNav current="dead-letters" />
      <ErrorNote error={error.value} retry={refresh} />
      {!list && !error.value && <Loading lines={8} />}
      {list && list.groups.length === 0 && (
        <Empty title="No dead letters">
          Nothing failed for good. They would stand here by reason, to be replayed once the cause is
          gone.
        </Empty>
      )}
      {list && list.groups.length > 0 && (
        <Table label="Dead letters by reason">
          <thead>
            <tr>
              <th scope="col">Reason</th>
              <th scope="col">Stage</th>
              <th scope="col" class="number">Letters</th>
              <th scope="col">Newest</th>
              <th scope="col">Example</th>
            </tr>
          </thead>
          <tbody>
            {list.groups.map((group) => {
              const isChosen = group.reason === filters.reason &&
                (group.stage ?? "") === (filters.stage ?? "");
              return (
                <tr key={`${group.stage} ${group.reason}`} class={isChosen ? "chosen" : ""}>
                  <th scope="row">
                    <a
                      aria-current={isChosen ? "true" : undefined}
                      href={href("dead-letters", {
                        ...filters.pipeline ? { pipeline: filters.pipeline } : {},
                        stage: group.stage,
                        reason: group.reason,
                      })}
                    >
                      {words(group.reason)}
                    </a>
                  </th>
                  <td>{words(group.stage)}</td>
                  <td class="number">{count(group.letter_count)}</td>
                  <td>{relative(group.last_at)}</td>
                  <td class="clip" dir="auto" title={group.example ?? undefined}>
                    {group.example}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </Table>
      )}
      {list && list.letters.length > 0 && (
        <>
          <div class="filters">
            <h2>
              {isFiltered
                ? <>{words(filters.reason)} {filters.stage && <>at {words(filters.stage)}</>}</>
                : "Newest"}
            </h2>
            {isFiltered && <a href={href("dead-letters")}>Show all</a>}
            <span class="quiet">
              {list.total_count > list.letters.length
                ? `the newest ${list.letters.length} of ${count(list.total_count)}`
                : plural(list.total_count, "letter")}
            </span>
          </div>
          <Table label="Dead letters">
            <thead>
              <tr>
                <th scope="col">Page</th>
                <th scope="col">Stage</th>
                <th scope="col">What was said</th>
                <th scope="col" class="number">Attempts</th>
                <th scope="col">When</th>
              </tr>
            </thead>
            <tbody>
              {list.letters.map((letter) => (
                <tr key={letter.id}>
                  <th scope="row" class="clip">
                    {letter.job_id
                      ? (
                        <a href={href(`jobs/${letter.job_id}`)} dir="auto">
                          {shortUrl(letter.url) || letter.job_id}
                        </a>
                      )
                      : <Badge tone="aside">no job</Badge>}
                  </th>
                  <td>{words(letter.stage)}</td>
                  <td class="clip" dir="auto" title={letter.message ?? undefined}>
                    {letter.message ?? words(letter.reason)}
                  </td>
                  <td class="number">{count(letter.attempt_count)}</td>
                  <td>{relative(letter.routed_at)}</td>
                </tr>
              ))}
            </tbody>
          </Table>
        </>
      )}
    </Page>
  );
}
