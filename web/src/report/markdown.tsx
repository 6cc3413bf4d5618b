// Markdown as elements. What a model or a person wrote stays text: HTML is shown as it is written, images are left out,
// links lead to http(s) or to a heading.

import { marked, type Token, type Tokens } from "marked";
import type { ComponentChildren } from "preact";
import type { DraftText } from "../../../cli/report/result.ts";

export function Markdown({ text }: { text: string }) {
  return <>{blocks(marked.lexer(text))}</>;
}

/** What a heading of `level` stands under, for who goes by headings. */
export function HeadingsAbove({ level, path }: { level: number; path: string[] }) {
  return Array.from({ length: Math.max(1, level - 2) }, (_, index) => {
    const Rank = `h${index + 2}` as "h2";
    return <Rank key={index} class="visually-hidden" dir="auto">{path[index] ?? "The page"}</Rank>;
  });
}

/** A draft with its heading, as it stands in a page. */
export const sectionText = (
  { heading, body_markdown }: Pick<DraftText, "heading" | "body_markdown">,
  level: number,
) => `${"#".repeat(level)} ${heading}\n\n${body_markdown.trim()}\n`;

const safeLink = (href: string) => (/^(https?:\/\/|#)/i.test(href) ? href : undefined);

/** The lexer escapes what it takes for HTML; here everything is text anyway. */
function plain(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll(
    "&#39;",
    "'",
  ).replaceAll("&amp;", "&");
}

function blocks(tokens: Token[]): ComponentChildren[] {
  return tokens.map((token, index) => {
    switch (token.type) {
      case "heading": {
        const { depth, tokens: inner } = token as Tokens.Heading;
        const Tag = `h${Math.min(6, Math.max(2, depth))}` as "h2";
        return <Tag key={index}>{inline(inner)}</Tag>;
      }
      case "paragraph":
        return <p key={index}>{inline((token as Tokens.Paragraph).tokens)}</p>;
      case "text": {
        const { tokens: inner, text } = token as Tokens.Text;
        return inner ? inline(inner) : plain(text);
      }
      case "list": {
        const { ordered, start, items } = token as Tokens.List;
        const children = items.map((item, row) => <li key={row}>{blocks(item.tokens)}</li>);
        return ordered
          ? <ol key={index} start={Number(start) || 1}>{children}</ol>
          : <ul key={index}>{children}</ul>;
      }
      case "blockquote":
        return <blockquote key={index}>{blocks((token as Tokens.Blockquote).tokens)}</blockquote>;
      case "code":
        return <pre key={index}><code>{(token as Tokens.Code).text}</code></pre>;
      case "hr":
        return <hr key={index} />;
      case "table": {
        const { header, rows } = token as Tokens.Table;
        return (
          <table key={index}>
            <thead>
              <tr>
                {header.map((cell, column) => (
                  <th key={column} scope="col">{inline(cell.tokens)}</th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, line) => (
                <tr key={line}>
                  {row.map((cell, column) => <td key={column}>{inline(cell.tokens)}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        );
      }
      case "space":
      case "def":
        return null;
      default:
        return <p key={index}>{token.raw}</p>;
    }
  });
}

function inline(tokens: Token[] | undefined): ComponentChildren[] {
  return (tokens ?? []).map((token, index) => {
    switch (token.type) {
      case "strong":
        return <strong key={index}>{inline((token as Tokens.Strong).tokens)}</strong>;
      case "em":
        return <em key={index}>{inline((token as Tokens.Em).tokens)}</em>;
      case "del":
        return <del key={index}>{inline((token as Tokens.Del).tokens)}</del>;
      case "codespan":
        return <code key={index}>{plain((token as Tokens.Codespan).text)}</code>;
      case "br":
        return <br key={index} />;
      case "link": {
        const { href, tokens: inner } = token as Tokens.Link;
        const target = safeLink(href);
        return target
          ? <a key={index} href={target} rel="noreferrer noopener">{inline(inner)}</a>
          : <>{inline(inner)}</>;
      }
      case "image":
        return (token as Tokens.Image).text;
      case "escape":
        return (token as Tokens.Escape).text;
      case "text":
        return plain((token as Tokens.Text).text);
      default:
        return token.raw;
    }
  });
}
