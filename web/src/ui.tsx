// The parts that views are made of.

import { signal } from "@preact/signals";
import type { ButtonHTMLAttributes, ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { ApiError } from "./api.ts";
import { route } from "./router.ts";

export function Page(
  { title, lead, actions, crumbs, children }: {
    title: string;
    lead?: ComponentChildren;
    actions?: ComponentChildren;
    crumbs?: ComponentChildren;
    children: ComponentChildren;
  },
) {
  useEffect(() => {
    document.title = `${title} · PagePerfect`;
  }, [title]);
  return (
    <>
      <header class="page-head">
        <div>
          {crumbs && <p class="crumbs">{crumbs}</p>}
          <h1 tabIndex={-1} dir="auto">{title}</h1>
          {lead && <p class="lead">{lead}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}

export function Button(
  { kind = "plain", busy, children, ...rest }: ButtonHTMLAttributes<HTMLButtonElement> & {
    kind?: "plain" | "primary" | "danger" | "quiet";
    busy?: boolean;
  },
) {
  return (
    <button
      type="button"
      class={`button ${kind}`}
      aria-busy={busy}
      {...rest}
      disabled={Boolean(rest.disabled) || busy}
    >
      {children}
    </button>
  );
}

export function Badge(
  { tone, children, title }: { tone: string; children: ComponentChildren; title?: string },
) {
  return <span class={`badge tone-${tone}`} title={title}>{children}</span>;
}

/** A share as a bar with its figure; the figure is what a screen reader says. */
export function Meter(
  { value, label, tone = "answered" }: { value: number | null; label: string; tone?: string },
) {
  const share = Math.max(0, Math.min(1, value ?? 0));
  return (
    <span class={`meter tone-${tone}`} role="img" aria-label={label}>
      <i style={{ width: `${share * 100}%` }} />
    </span>
  );
}

export function Figure(
  { label, value, note, tone }: {
    label: string;
    value: ComponentChildren;
    note?: ComponentChildren;
    tone?: string;
  },
) {
  return (
    <div class={`figure ${tone ? `tone-${tone}` : ""}`}>
      <dt>{label}</dt>
      <dd>
        <strong>{value}</strong>
        {note && <span>{note}</span>}
      </dd>
    </div>
  );
}

export function Empty(
  { title, children, action }: {
    title: string;
    children?: ComponentChildren;
    action?: ComponentChildren;
  },
) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** What went wrong and what to do; `retry` asks again. */
export function ErrorNote({ error, retry }: { error: ApiError | undefined; retry?: () => void }) {
  if (!error) return null;
  const isRefused = error.status === 401 || error.status === 403 || error.code === "42501";
  return (
    <div class="note tone-gap" role="alert">
      <p>
        <strong>
          {isRefused
            ? "This is not open to you."
            : error.code === "P0002"
            ? "Not found."
            : "That did not work."}
        </strong>{" "}
        {error.message} {error.hint}
      </p>
      {error.fields.length > 1 && (
        <ul>
          {error.fields.map((wrong) => <li key={wrong.field}>{wrong.field}: {wrong.message}</li>)}
        </ul>
      )}
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  );
}

/** Grey bars in the shape of what is on its way: nothing jumps when it comes. */
export function Loading({ lines = 5, label = "Loading" }: { lines?: number; label?: string }) {
  return (
    <div class="skeleton" role="status" aria-label={label}>
      {Array.from(
        { length: lines },
        (_, line) => <i key={line} style={{ width: `${92 - ((line * 37) % 45)}%` }} />,
      )}
    </div>
  );
}

export function Tabs(
  { tabs, current }: { tabs: { id: string; label: string; href: string }[]; current: string },
) {
  const nav = useRef<HTMLElement>(null);
  // On a narrow screen the tab that is shown may stand beyond the edge.
  useEffect(() => {
    const tab = nav.current?.querySelector<HTMLElement>("[aria-current]");
    if (tab) {
      nav.current!.scrollLeft = tab.offsetLeft - (nav.current!.clientWidth - tab.clientWidth) / 2;
    }
  }, [current]);
  return (
    <nav class="tabs" aria-label="Views of this report" ref={nav}>
      {tabs.map((tab) => (
        <a key={tab.id} href={tab.href} aria-current={tab.id === current ? "page" : undefined}>
          {tab.label}
        </a>
      ))}
    </nav>
  );
}

/** A table that scrolls sideways within itself on a narrow screen. */
export function Table(
  { label, children, compact }: { label: string; children: ComponentChildren; compact?: boolean },
) {
  return (
    <div class="table-scroll" role="region" aria-label={label} tabIndex={0}>
      <table class={compact ? "compact" : ""}>{children}</table>
    </div>
  );
}

export function Field(
  { label, hint, error, children }: {
    label: string;
    hint?: ComponentChildren;
    error?: string;
    children: (id: string, describedBy: string | undefined) => ComponentChildren;
  },
) {
  const id = useId();
  const noteId = hint || error ? `${id}-note` : undefined;
  return (
    <div class={`field ${error ? "wrong" : ""}`}>
      <label for={id}>{label}</label>
      {children(id, noteId)}
      {(hint || error) && (
        <p id={noteId} class="hint">
          {error ? <span class="error" role="alert">{error}</span> : hint}
        </p>
      )}
    </div>
  );
}

// --- messages that pass -------------------------------------------------------------------------

interface Toast {
  id: number;
  text: string;
  tone: "ok" | "bad";
  undo?: () => void;
}
const toasts = signal<Toast[]>([]);
let lastToast = 0;

/** Says what was done, for some seconds; with `undo` for longer. */
export function toast(text: string, options: { tone?: Toast["tone"]; undo?: () => void } = {}) {
  const id = ++lastToast;
  toasts.value = [...toasts.value.slice(-2), {
    id,
    text,
    tone: options.tone ?? "ok",
    undo: options.undo,
  }];
  setTimeout(
    () => (toasts.value = toasts.value.filter((other) => other.id !== id)),
    options.undo ? 12000 : 6000,
  );
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((item) => (
        <div key={item.id} class={`toast ${item.tone}`}>
          <span>{item.text}</span>
          {item.undo && (
            <Button
              kind="quiet"
              onClick={() => {
                item.undo!();
                toasts.value = toasts.value.filter((other) => other.id !== item.id);
              }}
            >
              Undo
            </Button>
          )}
        </div>
      ))}
    </div>
  );
}

// --- questions before something is written ------------------------------------------------------

interface Question {
  title: string;
  text: ComponentChildren;
  yes: string;
  danger?: boolean;
  /** Has to be typed to go on. */
  typed?: string;
  resolve: (answer: boolean) => void;
}
const question = signal<Question | undefined>(undefined);
const typedText = signal("");

/** Asks in a dialog; true when the person agrees. */
export function ask(options: Omit<Question, "resolve">): Promise<boolean> {
  typedText.value = "";
  return new Promise((resolve) => (question.value = { ...options, resolve }));
}

export function Dialogs() {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const current = question.value;
  useEffect(() => {
    if (current && !dialog.current?.open) dialog.current?.showModal();
    if (!current && dialog.current?.open) dialog.current.close();
  }, [current]);
  useEffect(() => answer(false), [route.value]);
  const answer = (yes: boolean) => {
    question.peek()?.resolve(yes);
    question.value = undefined;
  };
  return (
    <dialog ref={dialog} aria-labelledby={titleId} onClose={() => answer(false)}>
      {current && (
        <>
          <h2 id={titleId}>{current.title}</h2>
          <div>{current.text}</div>
          {current.typed && (
            <Field label={`Type ${current.typed} to go on`}>
              {(id) => (
                <input
                  id={id}
                  autocomplete="off"
                  value={typedText.value}
                  onInput={(event) => (typedText.value = event.currentTarget.value)}
                />
              )}
            </Field>
          )}
          <div class="actions">
            <Button onClick={() => answer(false)}>Cancel</Button>
            <Button
              kind={current.danger ? "danger" : "primary"}
              disabled={current.typed !== undefined && typedText.value.trim() !== current.typed}
              onClick={() => answer(true)}
            >
              {current.yes}
            </Button>
          </div>
        </>
      )}
    </dialog>
  );
}

// --- taking things along ------------------------------------------------------------------------

/** Offers `text` as a file. */
export function download(name: string, text: string, type: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Copies text, and beside it HTML for those who paste into a document. */
export async function copy(text: string, what: string, html?: string) {
  try {
    if (html === undefined) await navigator.clipboard.writeText(text);
    else {
      const item = {
        "text/plain": new Blob([text], { type: "text/plain" }),
        "text/html": new Blob([html], { type: "text/html" }),
      };
      await navigator.clipboard.write([new ClipboardItem(item)]);
    }
    toast(`${what} copied`);
  } catch {
    toast("The browser did not allow copying: select the text and copy it by hand.", {
      tone: "bad",
    });
  }
}

/** A name that a file may have. */
export const fileName = (text: string) =>
  text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60) ||
  "report";
