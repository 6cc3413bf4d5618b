// The part of PostgREST that supabase-js uses: rpc, and the verbs of a table. Postgres does every
// conversion (JSON in, JSON out); this file only turns URLs into SQL and SQLSTATEs into statuses.

// @ts-types="npm:@types/pg@8.23.1"
import pg from "npm:pg@8.23.1";

export interface Caller {
  role: string;
  /** What auth.jwt() returns: the token's claims, or just the role of an API key. */
  claims: Record<string, unknown>;
}

/** An error in PostgREST's shape. */
export class RestError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: string | null = null,
    readonly hint: string | null = null,
  ) {
    super(message);
  }

  toResponse(): Response {
    const { code, details, hint, message } = this;
    return Response.json({ code, details, hint, message }, { status: this.status });
  }
}

interface Parameter {
  name: string;
  type: string;
}

interface Routine {
  parameters: Parameter[];
  requiredCount: number;
  returnsSet: boolean;
  returnsVoid: boolean;
  /** A row (a table's type, `returns table`, several OUT parameters) rather than one value. */
  returnsRow: boolean;
}

interface Table {
  columns: string[];
  primaryKey: string[];
}

/** As hosted: no answer has more rows than this. */
const maxRows = 1000;

/** Values as Postgres writes them, without any conversion. */
const asText: pg.CustomTypesConfig = { getTypeParser: () => (text: string) => text };

interface Body {
  body: string | null;
  row_count: string;
  total: string | null;
}

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** Text parameters of one statement; Postgres infers each one's type from its context. */
class Parameters {
  readonly values: (string | null)[] = [];

  add(value: string | null): string {
    return `$${this.values.push(value)}`;
  }
}

export class RestApi {
  #pool: pg.Pool;
  #busy = new Set<pg.PoolClient>();
  #routines = new Map<string, Promise<Routine[]>>();
  #tables = new Map<string, Promise<Table | undefined>>();
  /** Names of statements: each is prepared once a session. */
  #statements = new Map<string, string>();

  /**
   * `url` connects as authenticator. node-postgres and not postgres.js, which everything else here uses: when a session
   * ends within a transaction, postgres.js 3.4.9 writes its rollback to a socket that is gone, from a timer, where nobody
   * can catch what that throws; the process ends, or the connection never works again.
   */
  constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: 20, pipeline: true });
    // An idle session that ends has left the pool by then.
    this.#pool.on("error", () => {});
  }

  /** Closes the sessions, those that are still busy after a moment as well. */
  async end(): Promise<void> {
    const timer = setTimeout(() => {
      for (const { connection } of this.#busy) connection.stream.destroy();
    }, 2_000);
    await this.#pool.end();
    clearTimeout(timer);
  }

  /** Forgets what functions and tables look like; called after DDL. */
  clearCache() {
    this.#routines.clear();
    this.#tables.clear();
  }

  /** Serves a path below /rest/v1, such as `rpc/claim_stage` or `pageperfect_jobs`. */
  async handle(path: string, request: Request, caller: Caller): Promise<Response> {
    try {
      const profile = request.headers.get("content-profile") ??
        request.headers.get("accept-profile") ?? "public";
      if (profile !== "public") {
        throw new RestError(
          406,
          "PGRST106",
          `Invalid schema: ${profile}`,
          null,
          "Only public is exposed",
        );
      }
      const query = new URL(request.url).searchParams;
      if (path.startsWith("rpc/")) return await this.#rpc(path.slice(4), request, query, caller);
      return await this.#table(path, request, query, caller);
    } catch (error) {
      if (error instanceof RestError) return error.toResponse();
      const response = databaseError(error, caller);
      if (response) return response;
      throw error;
    }
  }

  /** One statement as the caller's role, in a transaction of its own. */
  async #run(statement: string, parameters: Parameters, caller: Caller, request: Request) {
    const headers = Object.fromEntries(request.headers);
    delete headers.apikey;
    delete headers.authorization;
    const settings = {
      role: caller.role,
      "request.jwt.claims": JSON.stringify(caller.claims),
      "request.headers": JSON.stringify(headers),
      "request.method": request.method,
    };
    const session = await this.#pool.connect();
    this.#busy.add(session);
    // What befalls the session as well as its statements is told by these.
    const ignore = () => {};
    session.on("error", ignore);
    // One round trip: what follows a statement that failed does nothing, and the commit is a rollback then.
    const [begun, done, committed] = await Promise.allSettled([
      session.query(
        `begin; select ${
          Object.entries(settings).map(([name, value]) =>
            `set_config(${literal(name)}, ${pg.escapeLiteral(value)}, true)`
          ).join(", ")
        }`,
      ),
      session.query<Body>({
        name: this.#nameOf(statement),
        text: statement,
        values: parameters.values,
        types: asText,
      }),
      session.query("commit"),
    ]);
    const errors = [begun, done, committed].flatMap((each) =>
      each.status === "rejected" ? [each.reason] : []
    );
    const lost = errors.find((error) =>
      !(error instanceof pg.DatabaseError) || error.severity === "FATAL"
    );
    this.#busy.delete(session);
    session.off("error", ignore);
    session.release(lost);
    if (errors.length === 0 && done.status === "fulfilled") return done.value.rows[0];
    if (errors[0] instanceof pg.DatabaseError) throw errors[0];
    throw new RestError(503, "PGRST000", "Database connection error", String(errors[0]));
  }

  #nameOf(statement: string): string {
    const name = this.#statements.get(statement) ?? `statement ${this.#statements.size + 1}`;
    this.#statements.set(statement, name);
    return name;
  }

  async #rpc(name: string, request: Request, query: URLSearchParams, caller: Caller) {
    let body: string;
    let names: string[];
    if (request.method === "POST") {
      body = (await request.text()).trim() || "{}";
      names = objectKeys(body);
    } else if (request.method === "GET" || request.method === "HEAD") {
      const routines = await this.#findRoutines(name);
      const known = new Set(routines.flatMap((r) => r.parameters.map((p) => p.name)));
      names = [...new Set(query.keys())].filter((key) => known.has(key));
      body = JSON.stringify(Object.fromEntries(names.map((key) => [key, query.get(key)])));
      for (const key of names) query.delete(key);
    } else {
      throw new RestError(405, "PGRST101", "Only GET, HEAD and POST are allowed for functions");
    }

    const routine = chooseRoutine(name, names, await this.#findRoutines(name));
    const parameters = new Parameters();
    const given = routine.parameters.filter((p) => names.includes(p.name));
    const call = `public.${quote(name)}(` +
      given.map((p) => `${quote(p.name)} => pgrst_args.${quote(p.name)}`).join(", ") + ")";
    const source = given.length === 0 ? "" : `json_to_record(${parameters.add(body)}::json) as ` +
      `pgrst_args(${given.map((p) => `${quote(p.name)} ${p.type}`).join(", ")})`;

    if (routine.returnsSet && routine.returnsRow) {
      const from = (source && `${source}, lateral `) + `${call} as pgrst_source`;
      return await this.#select(from, "pgrst_source", request, query, parameters, caller);
    }
    const from = source && ` from ${source}`;
    if (routine.returnsVoid) {
      await this.#run(`select ${call}::text as body${from}`, parameters, caller, request);
      return new Response(null, { status: 204 });
    }
    const statement = routine.returnsSet
      ? `select coalesce(json_agg(value), '[]')::text as body from (select ${call} as value${from}) rows`
      : `select to_json(${call})::text as body${from}`;
    const { body: answer } = await this.#run(statement, parameters, caller, request);
    return json(answer ?? "null", 200);
  }

  async #table(name: string, request: Request, query: URLSearchParams, caller: Caller) {
    const table = await this.#findTable(name);
    if (!table) {
      throw new RestError(
        404,
        "PGRST205",
        `Could not find the table 'public.${name}' in the schema cache`,
      );
    }
    const target = `public.${quote(name)}`;
    const parameters = new Parameters();
    switch (request.method) {
      case "GET":
      case "HEAD":
        return await this.#select(
          `${target} as pgrst_source`,
          "pgrst_source",
          request,
          query,
          parameters,
          caller,
        );
      case "POST":
        return await this.#insert(target, table, request, query, parameters, caller);
      case "PATCH": {
        const body = await request.text();
        const columns = objectKeys(body).map(quote);
        if (columns.length === 0) throw new RestError(400, "PGRST102", "Nothing to update");
        const given = parameters.add(body);
        const statement =
          `update ${target} as pgrst_source set ${
            columns.map((column) => `${column} = pgrst_body.${column}`).join(", ")
          } from (select * from json_populate_record(null::${target}, ${given}::json)) as pgrst_body` +
          where(query, "pgrst_source", parameters);
        return await this.#write(
          statement,
          "pgrst_source",
          200,
          request,
          query,
          parameters,
          caller,
        );
      }
      case "DELETE": {
        const statement = `delete from ${target} as pgrst_source` +
          where(query, "pgrst_source", parameters);
        return await this.#write(
          statement,
          "pgrst_source",
          200,
          request,
          query,
          parameters,
          caller,
        );
      }
      default:
        throw new RestError(405, "PGRST117", `Unsupported HTTP method: ${request.method}`);
    }
  }

  async #select(
    from: string,
    alias: string,
    request: Request,
    query: URLSearchParams,
    parameters: Parameters,
    caller: Caller,
  ): Promise<Response> {
    const filter = where(query, alias, parameters);
    const range = requestedRange(request, query);
    const page = `select ${selection(query, alias)} from ${from}${filter}${order(query, alias)}` +
      ` limit ${range.limit} offset ${range.offset}`;
    const total = preferences(request).has("count=exact")
      ? `(select count(*) from ${from}${filter})`
      : "null";
    const statement =
      `select coalesce(json_agg(page), '[]')::text as body, count(*)::text as row_count,
      ${total}::text as total from (${page}) as page`;
    const result = await this.#run(statement, parameters, caller, request);
    return answer(result, range.offset, 200, request);
  }

  async #insert(
    target: string,
    table: Table,
    request: Request,
    query: URLSearchParams,
    parameters: Parameters,
    caller: Caller,
  ): Promise<Response> {
    const body = await request.text();
    const parsed = parseJson(body);
    const rows = (Array.isArray(parsed) ? parsed : [parsed]) as Record<string, unknown>[];
    const keys = query.has("columns")
      ? list(query.get("columns")!).map((column) => column.replace(/^"|"$/g, ""))
      : [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const prefer = preferences(request);
    if (prefer.has("missing=default") && rows.some((row) => keys.some((key) => !(key in row)))) {
      throw new RestError(
        400,
        "PGRST102",
        "All object keys must match (missing=default is not supported locally)",
      );
    }
    for (const key of keys) {
      if (!table.columns.includes(key)) {
        throw new RestError(
          400,
          "PGRST204",
          `Could not find the '${key}' column of ${target} in the schema cache`,
        );
      }
    }
    const columns = keys.map(quote).join(", ");
    let statement = keys.length === 0
      ? `insert into ${target} default values`
      : `insert into ${target} (${columns}) select ${columns} from json_populate_recordset(null::${target}, ${
        parameters.add(Array.isArray(parsed) ? body : `[${body}]`)
      }::json)`;
    const ignore = prefer.has("resolution=ignore-duplicates");
    if (ignore || prefer.has("resolution=merge-duplicates")) {
      const conflict = query.has("on_conflict")
        ? list(query.get("on_conflict")!)
        : table.primaryKey;
      const others = keys.filter((key) => !conflict.includes(key));
      const updated = others.length > 0 ? others : keys;
      statement += ` on conflict (${conflict.map(quote).join(", ")}) do ` +
        (ignore
          ? "nothing"
          : `update set ${
            updated.map((key) => `${quote(key)} = excluded.${quote(key)}`).join(", ")
          }`);
    }
    return await this.#write(statement, target, 201, request, query, parameters, caller);
  }

  /** Runs an insert, update or delete, with the changed rows when the caller prefers them. */
  async #write(
    statement: string,
    alias: string,
    status: number,
    request: Request,
    query: URLSearchParams,
    parameters: Parameters,
    caller: Caller,
  ): Promise<Response> {
    const wanted = preferences(request).has("return=representation");
    // `returning 1` needs no right to read, so a role that may only write can.
    const rows = wanted
      ? `select ${selection(query, "changed")} from changed`
      : "select from changed";
    const result = await this.#run(
      `with changed as (${statement} returning ${wanted ? `${alias}.*` : "1"})
      select coalesce(json_agg(page), '[]')::text as body, count(*)::text as row_count,
        ${preferences(request).has("count=exact") ? "count(*)::text" : "null"} as total
      from (${rows}) as page`,
      parameters,
      caller,
      request,
    );
    if (wanted) return answer(result, 0, status, request);
    const headers = { "content-range": `*/${result.total ?? "*"}` };
    return new Response(null, { status: status === 201 ? 201 : 204, headers });
  }

  #findRoutines(name: string): Promise<Routine[]> {
    return cached(this.#routines, name, async () => {
      const { rows } = await this.#pool.query({
        types: asText,
        values: [name],
        text: `
        select
          coalesce(
            (
              select json_agg(
                json_build_object('name', coalesce(p.proargnames[i], ''), 'type', format_type(p.proargtypes[i - 1], null))
                order by i
              )
              from generate_series(1, p.pronargs) as i
            ),
            '[]'
          )::text as parameters,
          (p.pronargs - p.pronargdefaults)::text as required_count,
          p.proretset::text as returns_set,
          (p.prorettype = 'void'::regtype)::text as returns_void,
          (t.typtype = 'c' or p.prorettype = 'record'::regtype)::text as returns_row
        from pg_proc p join pg_type t on t.oid = p.prorettype
        where p.pronamespace = 'public'::regnamespace and p.prokind = 'f' and p.proname = $1`,
      });
      return rows.map((row) => ({
        parameters: JSON.parse(row.parameters),
        requiredCount: Number(row.required_count),
        returnsSet: row.returns_set === "true",
        returnsVoid: row.returns_void === "true",
        returnsRow: row.returns_row === "true",
      }));
    });
  }

  #findTable(name: string): Promise<Table | undefined> {
    return cached(this.#tables, name, async () => {
      const { rows: [row] } = await this.#pool.query({
        types: asText,
        values: [name],
        text: `
        select
          (
            select json_agg(attname) from pg_attribute
            where attrelid = c.oid and attnum > 0 and not attisdropped
          )::text as columns,
          coalesce(
            (
              select json_agg(a.attname) from pg_index i
              join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
              where i.indrelid = c.oid and i.indisprimary
            ),
            '[]'
          )::text as primary_key
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
          and c.relname = $1`,
      });
      return row && { columns: JSON.parse(row.columns), primaryKey: JSON.parse(row.primary_key) };
    });
  }
}

function cached<T>(
  cache: Map<string, Promise<T>>,
  key: string,
  load: () => Promise<T>,
): Promise<T> {
  let entry = cache.get(key);
  if (!entry) {
    entry = load();
    entry.catch(() => cache.delete(key));
    cache.set(key, entry);
  }
  return entry;
}

function chooseRoutine(name: string, names: string[], routines: Routine[]): Routine {
  const fitting = routines.filter(({ parameters, requiredCount }) =>
    names.every((given) => parameters.some((p) => p.name === given)) &&
    parameters.slice(0, requiredCount).every((p) => names.includes(p.name))
  );
  const called = `public.${name}(${names.join(", ")})`;
  if (fitting.length === 1) return fitting[0];
  if (fitting.length > 1) {
    throw new RestError(
      300,
      "PGRST203",
      `Could not choose the best candidate function for ${called}`,
    );
  }
  const others = routines.map((r) =>
    `public.${name}(${r.parameters.map((p) => p.name).join(", ")})`
  );
  throw new RestError(
    404,
    "PGRST202",
    `Could not find the function ${called} in the schema cache`,
    `Searched for the function ${called}, but no matches were found in the schema cache.`,
    others.length > 0 ? `Perhaps you meant to call the function ${others.join(" or ")}` : null,
  );
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new RestError(400, "PGRST102", "Empty or invalid json");
  }
}

function objectKeys(body: string): string[] {
  const value = parseJson(body);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new RestError(400, "PGRST102", "The body must be a JSON object");
  }
  return Object.keys(value);
}

function preferences(request: Request): Set<string> {
  return new Set((request.headers.get("prefer") ?? "").split(",").map((part) => part.trim()));
}

/** Splits at commas that are outside of quotes and brackets. */
function list(text: string): string[] {
  const parts: string[] = [];
  let depth = 0, quoted = false, start = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === "\\" && quoted) i++;
    else if (char === '"') quoted = !quoted;
    else if (!quoted && "({[".includes(char)) depth++;
    else if (!quoted && ")}]".includes(char)) depth--;
    else if (!quoted && depth === 0 && char === ",") {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

/** `column`, `column->key->>key`, as SQL. */
function column(text: string, alias: string): string {
  const [name, ...rest] = text.split(/(->>?)/);
  let sql = `${alias}.${quote(name)}`;
  for (let i = 0; i < rest.length; i += 2) {
    sql += ` ${rest[i]} ${/^-?\d+$/.test(rest[i + 1]) ? rest[i + 1] : literal(rest[i + 1])}`;
  }
  return rest.length > 0 ? `(${sql})` : sql;
}

/** `select=a,alias:b,c->>d,e::text`; embedding other tables is not supported. */
function selection(query: URLSearchParams, alias: string): string {
  const parts = list(query.get("select") ?? "*");
  return (parts.length > 0 ? parts : ["*"]).map((part) => {
    if (part === "*") return `${alias}.*`;
    if (part.includes("(")) {
      throw new RestError(
        400,
        "PGRST200",
        `Embedding '${part}' is not supported by the local gateway`,
      );
    }
    const [, label, path, cast] = /^(?:([^:]+):(?!:))?(.+?)(?:::(\w+))?$/.exec(part)!;
    const name = label ?? path.split(/->>?/).pop()!;
    return `${column(path, alias)}${cast ? `::${quote(cast)}` : ""} as ${quote(name)}`;
  }).join(", ");
}

function order(query: URLSearchParams, alias: string): string {
  const parts = list(query.get("order") ?? "").map((part) => {
    const [name, ...words] = part.split(".");
    const sql = words.map((word) => {
      const known = {
        asc: " asc",
        desc: " desc",
        nullsfirst: " nulls first",
        nullslast: " nulls last",
      };
      if (!(word in known)) throw new RestError(400, "PGRST100", `failed to parse order (${part})`);
      return known[word as keyof typeof known];
    });
    return column(name, alias) + sql.join("");
  });
  return parts.length > 0 ? ` order by ${parts.join(", ")}` : "";
}

const reserved = new Set(["select", "order", "limit", "offset", "columns", "on_conflict"]);

function where(query: URLSearchParams, alias: string, parameters: Parameters): string {
  const conditions: string[] = [];
  for (const [key, value] of query) {
    if (reserved.has(key)) continue;
    conditions.push(
      /^(not\.)?(and|or)$/.test(key)
        ? logic(key, value, alias, parameters)
        : condition(column(key, alias), value, parameters),
    );
  }
  return conditions.length > 0 ? ` where ${conditions.join(" and ")}` : "";
}

/** `or=(a.eq.1,and(b.lt.2,c.is.null))` */
function logic(key: string, value: string, alias: string, parameters: Parameters): string {
  const inner = /^\((.*)\)$/s.exec(value);
  if (!inner) throw new RestError(400, "PGRST100", `failed to parse logic tree (${value})`);
  const parts = list(inner[1]).map((part) => {
    const nested = /^((?:not\.)?(?:and|or))(\(.*\))$/s.exec(part);
    if (nested) return logic(nested[1], nested[2], alias, parameters);
    const dot = part.indexOf(".");
    return condition(column(part.slice(0, dot), alias), part.slice(dot + 1), parameters);
  });
  const joined = `(${parts.join(key.endsWith("or") ? " or " : " and ")})`;
  return key.startsWith("not.") ? `not ${joined}` : joined;
}

const operators: Record<string, string> = {
  eq: "=",
  neq: "<>",
  gt: ">",
  gte: ">=",
  lt: "<",
  lte: "<=",
  like: "like",
  ilike: "ilike",
  match: "~",
  imatch: "~*",
  cs: "@>",
  cd: "<@",
  ov: "&&",
  isdistinct: "is distinct from",
};

function condition(left: string, text: string, parameters: Parameters): string {
  const dot = text.indexOf(".");
  const operator = text.slice(0, dot), value = text.slice(dot + 1);
  if (operator === "not") return `not ${condition(left, value, parameters)}`;
  if (operator === "is") {
    const known = ["null", "not_null", "true", "false", "unknown"];
    if (known.includes(value)) return `${left} is ${value.replace("_", " ")}`;
  } else if (operator === "in") {
    const inner = /^\((.*)\)$/s.exec(value);
    if (inner) {
      const items = list(inner[1]).map((item) =>
        item.startsWith('"') ? item : `"${item.replace(/[\\"]/g, "\\$&")}"`
      );
      return `${left} = any (${parameters.add(`{${items.join(",")}}`)})`;
    }
  } else if (operator in operators) {
    const right = operator.endsWith("like") ? value.replaceAll("*", "%") : value;
    return `${left} ${operators[operator]} ${parameters.add(right)}`;
  }
  throw new RestError(400, "PGRST100", `failed to parse filter (${text})`);
}

function requestedRange(request: Request, query: URLSearchParams) {
  const number = (name: string, fallback: number) => {
    const value = query.get(name);
    if (value === null) return fallback;
    if (!/^\d+$/.test(value)) {
      throw new RestError(400, "PGRST100", `failed to parse ${name} (${value})`);
    }
    return Number(value);
  };
  const header = /^(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
  const offset = number("offset", header ? Number(header[1]) : 0);
  const limit = number("limit", header?.[2] ? Number(header[2]) - offset + 1 : maxRows);
  return { offset, limit: Math.min(limit, maxRows) };
}

const json = (body: string, status: number, headers: HeadersInit = {}) =>
  new Response(body, {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
  });

/** The rows as an array, or as one object where the client asked for exactly one. */
function answer(
  result: { body: string | null; row_count: string; total: string | null },
  offset: number,
  status: number,
  request: Request,
): Response {
  const count = Number(result.row_count);
  const range = count === 0 ? "*" : `${offset}-${offset + count - 1}`;
  const headers = { "content-range": `${range}/${result.total ?? "*"}` };
  let body = result.body ?? "[]";
  if (request.headers.get("accept")?.includes("application/vnd.pgrst.object")) {
    if (count !== 1) {
      throw new RestError(
        406,
        "PGRST116",
        "Cannot coerce the result to a single JSON object",
        `The result contains ${count} rows`,
      );
    }
    body = body.slice(1, -1);
  }
  if (request.method === "HEAD") return new Response(null, { status, headers });
  return json(body, status, headers);
}

/** PostgREST's mapping of SQLSTATEs to statuses; undefined when Postgres did not answer at all. */
function databaseError(error: unknown, caller: Caller): Response | undefined {
  const { code, message, detail, hint } = error as {
    code?: string;
    message?: string;
    detail?: string;
    hint?: string;
  };
  if (typeof code !== "string") return undefined;
  if (!/^[0-9A-Z]{5}$/.test(code)) {
    return new RestError(503, "PGRST000", "Database connection error", message ?? code)
      .toResponse();
  }
  const custom = /^PT([2-5]\d\d)$/.exec(code);
  const status = custom ? Number(custom[1]) : statusOf(code, caller);
  return new RestError(status, code, message ?? "", detail ?? null, hint ?? null).toResponse();
}

function statusOf(code: string, caller: Caller): number {
  const exact: Record<string, number> = {
    "42501": caller.role === "anon" ? 401 : 403,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "P0001": 400,
    "53400": 500,
    "57P01": 503,
  };
  const classes: Record<string, number> = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "25": 500,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "53": 503,
    "54": 500,
    "55": 500,
    "57": 500,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "XX": 500,
  };
  return exact[code] ?? classes[code.slice(0, 2)] ?? 400;
}
