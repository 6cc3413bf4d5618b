// The app: who and where, then the view that the address names.

import { render } from "preact";
import { useEffect, useErrorBoundary } from "preact/hooks";
import { ApiError, type Config, config, connection, type Identity, identity, rpc } from "./api.ts";
import { isLive, refresh } from "./live.ts";
import { DropTarget, New } from "./new.tsx";
import { Costs } from "./ops/costs.tsx";
import { DeadLetters } from "./ops/dead_letters.tsx";
import { Job } from "./ops/job.tsx";
import { Jobs } from "./ops/jobs.tsx";
import { Members } from "./ops/members.tsx";
import { Overview } from "./ops/overview.tsx";
import { NewestReport } from "./page_jobs.tsx";
import { Pages } from "./pages.tsx";
import { ReportView } from "./report/view.tsx";
import { SiteRun } from "./site/plan.tsx";
import { NewSiteRun, SiteRuns } from "./site/runs.tsx";
import { href, page, route } from "./router.ts";
import { Button, Dialogs, Empty, Page, Toasts } from "./ui.tsx";

const sections = [
  ["", "Pages", ["", "report", "page", "new"]],
  ["site", "Site", ["site"]],
  ["operations", "Operations", ["operations", "jobs", "dead-letters", "costs", "members"]],
] as const;

function View() {
  const [first = "", second, third, fourth] = route.value.path;
  switch (first) {
    case "":
      return <Pages />;
    case "new":
      return <New />;
    case "report":
      return second
        ? (
          <ReportView
            jobId={second}
            view={third ?? "edits"}
            editId={fourth === undefined ? undefined : Number(fourth)}
          />
        )
        : <Pages />;
    case "page":
      return second ? <NewestReport pageId={second} /> : <Pages />;
    case "site":
      if (second === "new") return <NewSiteRun />;
      return second ? <SiteRun jobId={second} view={third ?? "edits"} /> : <SiteRuns />;
    case "operations":
      return <Overview />;
    case "jobs":
      return second ? <Job jobId={second} /> : <Jobs />;
    case "dead-letters":
      return <DeadLetters />;
    case "costs":
      return <Costs />;
    case "members":
      return <Members />;
    default:
      return (
        <Page title="Not found">
          <Empty title="There is no such page">
            <a href={href("")}>To the pages</a>
          </Empty>
        </Page>
      );
  }
}

/** A view that breaks says so and leaves the rest standing. */
function Guarded() {
  const [error, reset] = useErrorBoundary();
  useEffect(() => reset(), [page.value]);
  if (!error) return <View />;
  return (
    <Page title="This view broke">
      <div class="note tone-gap" role="alert">
        <p>{String((error as Error).message ?? error)}</p>
        <Button onClick={() => (reset(), refresh())}>Try again</Button>
      </div>
    </Page>
  );
}

function Shell({ signOut }: { signOut?: () => void }) {
  const current = route.value.path[0] ?? "";
  // After a change of page, a keyboard and a screen reader go on at its heading.
  useEffect(() => {
    if (page.value === firstPage) return;
    scrollTo(0, 0);
    document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
  }, [page.value]);
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => (event.preventDefault(), document.getElementById("main")?.focus())}
      >
        To the content
      </a>
      <header class="bar">
        <a class="brand" href={href("")}>
          <img src="icon.svg" alt="" width="26" height="26" /> PagePerfect
        </a>
        <nav aria-label="Main">
          {sections.map(([path, label, paths]) => (
            <a
              key={path}
              href={href(path)}
              aria-current={(paths as readonly string[]).includes(current) ? "page" : undefined}
            >
              {label}
            </a>
          ))}
        </nav>
        <div class="bar-end">
          <span class="quiet where" title={config.value?.name}>{config.value?.name}</span>
          <Button
            kind="quiet"
            aria-pressed={!isLive.value}
            title={isLive.value ? "Pages keep themselves current" : "Pages stand still"}
            onClick={() => (isLive.value = !isLive.value)}
          >
            <i
              class={`pulse ${isLive.value && connection.value === "ok" ? "on" : ""}`}
              aria-hidden="true"
            />{" "}
            {isLive.value ? "Live" : "Paused"}
          </Button>
          {signOut && <Button kind="quiet" onClick={signOut}>Sign out</Button>}
        </div>
      </header>
      {connection.value === "lost" && (
        <div class="banner" role="alert">
          The connection is lost; what you see may be old. It is tried again by itself.{" "}
          <Button kind="quiet" onClick={refresh}>Try now</Button>
        </div>
      )}
      <main id="main" tabIndex={-1}>
        <Guarded />
      </main>
      <Toasts />
      <Dialogs />
      <DropTarget />
    </>
  );
}

const firstPage = page.peek();
const root = document.getElementById("app")!;

function Stopped({ title, text }: { title: string; text: string }) {
  return (
    <main id="main">
      <div class="empty">
        <h1>{title}</h1>
        <p>{text}</p>
      </div>
    </main>
  );
}

async function start() {
  let signOut: (() => void) | undefined;
  try {
    const response = await fetch("config.json", { credentials: "same-origin" });
    if (response.status === 401) {
      return render(
        <Stopped
          title="Open the link of the terminal"
          text="This page needs the link that ./pageperfect dashboard has printed; it works once. Press Enter there for a new one."
        />,
        root,
      );
    }
    if (!response.ok) throw new Error(`config.json: HTTP ${response.status}`);
    config.value = await response.json() as Config;
    if (config.value.mode === "hosted") {
      const { signIn } = await import("./auth.tsx");
      signOut = await signIn(config.value, root);
    }
    const who: Identity = await rpc("whoami");
    identity.value = who;
  } catch (error) {
    const { message, hint } = error as ApiError;
    return render(
      <Stopped title="PagePerfect could not start" text={`${message} ${hint ?? ""}`} />,
      root,
    );
  }
  root.textContent = "";
  render(<Shell signOut={signOut} />, root);
}

start();
