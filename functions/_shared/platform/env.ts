// The only place that reads the environment. One error names everything a function lacks, so that a
// deployment is put right in one go.

/** What a function needs besides its Supabase project. */
export type Need = "embeddings" | "draft" | "search_console";

/** Which model is called, and where. */
export interface ModelSettings {
  /** Whose limits and prices count: openai, anthropic, supabase, or the host name of another server. */
  provider: string;
  /** The API it speaks; `supabase` is the model that Edge Functions have built in. */
  api: "openai" | "anthropic" | "supabase";
  /** Missing for a server that wants none. */
  apiKey?: string;
  baseUrl?: string;
  model: string;
}

export interface EmbeddingSettings extends ModelSettings {
  dimensions: number;
  /** Texts a request. */
  batchSize: number;
}

export interface Env {
  supabaseUrl: string;
  /** The key this function calls Supabase and the other functions with. */
  serviceKey: string;
  /** Keys that open workers, dispatcher and cron; empty: they stay closed. */
  secretKeys: string[];
  /** Lease of a claimed message, seconds; a living worker renews it. */
  visibilitySeconds: number;
  embedding: EmbeddingSettings;
  /** The language model that reads pages and writes drafts. */
  draft: ModelSettings;
  /** Whether there is one: its server has a key, or wants none. */
  isDraftConfigured: boolean;
  /** Whether it checks a job's recommendations when the job does not say. */
  isVerifyDefault: boolean;
  /** ScraperAPI; without a key pages are fetched directly. */
  scraper: { apiKey?: string; baseUrl: string };
  /** The Search Console API; its account is there only when the function needs it. */
  searchConsole: { account?: ServiceAccount; baseUrl: string };
  /** host:port pairs the crawler may reach although they are private. */
  allowedHosts: string[];
}

/** What a Google service account's JSON key holds, as far as it is used. */
export interface ServiceAccount {
  client_email: string;
  /** PKCS #8, PEM. */
  private_key: string;
  token_uri: string;
}

/** The environment is incomplete or wrong; the message says what to set. */
export class EnvError extends Error {
  override name = "EnvError";
  constructor(readonly problems: string[]) {
    super(`Fix the function's secrets: ${problems.join("; ")}`);
  }
}

/** The embedding model that Supabase's Edge Functions have built in. More texts at once meet the limit on CPU time. */
const gteSmall: EmbeddingSettings = {
  provider: "supabase",
  api: "supabase",
  model: "gte-small",
  dimensions: 384,
  batchSize: 5,
};

type Get = (name: string) => string | undefined;

const fromDeno: Get = (name) => Deno.env.get(name);

/** Keys that open the internal functions. Reads nothing else, so that it can guard a broken deployment. */
export function readSecretKeys(get: Get = fromDeno): string[] {
  const keys: unknown[] = [get("SUPABASE_SERVICE_ROLE_KEY")];
  try {
    keys.unshift(...Object.values(JSON.parse(get("SUPABASE_SECRET_KEYS") || "{}")));
  } catch {
    // readEnv reports it.
  }
  return keys.filter((key): key is string => typeof key === "string" && key !== "");
}

/** How many times slower than this processor the one is that the work shall be cut to size for; 1 unless it is set. */
export function readCpuFactor(get: Get = fromDeno): number {
  const factor = Number(get("PAGEPERFECT_CPU_FACTOR") || 1);
  return factor >= 1 ? factor : 1;
}

/**
 * Reads and checks the environment.
 *
 * @param needs what this function uses beyond its Supabase project; only that is demanded
 * @throws EnvError naming every setting that is missing or wrong
 */
export function readEnv(needs: Need[] = [], get: Get = fromDeno): Env {
  const problems: string[] = [];
  const text = (name: string) => get(name)?.trim() || undefined;
  const required = (name: string, what: string) => {
    const value = text(name);
    if (!value) problems.push(`${name} is missing (${what})`);
    return value ?? "";
  };
  const count = (name: string, fallback: number, least: number) => {
    const value = text(name);
    const number = value === undefined ? fallback : Number(value);
    if (!Number.isInteger(number) || number < least) {
      problems.push(`${name} must be a whole number from ${least}, not "${value}"`);
    }
    return number;
  };

  try {
    JSON.parse(text("SUPABASE_SECRET_KEYS") ?? "{}");
  } catch {
    problems.push('SUPABASE_SECRET_KEYS must be JSON such as {"default":"sb_secret_…"}');
  }
  const secretKeys = readSecretKeys(get);
  if (secretKeys.length === 0) {
    problems.push(
      "SUPABASE_SECRET_KEYS is missing (the project's secret keys; SUPABASE_SERVICE_ROLE_KEY serves too)",
    );
  }
  const choice = <T extends string>(name: string, choices: T[], fallback: T) => {
    const value = text(name) ?? fallback;
    if (!choices.includes(value as T)) {
      problems.push(`${name} must be ${choices.join(" or ")}, not "${value}"`);
    }
    return value as T;
  };
  /** A model's server by the settings named `prefix`; a server of its own never gets another one's key. */
  const server = (api: "openai" | "anthropic", prefix: string, isNeeded: boolean) => {
    const general = api.toUpperCase();
    const urlName = text(`${prefix}_BASE_URL`) ? `${prefix}_BASE_URL` : `${general}_BASE_URL`;
    const baseUrl = text(urlName);
    const ownKey = text(`${prefix}_API_KEY`);
    const apiKey = ownKey ??
      (urlName.startsWith(general) ? text(`${general}_API_KEY`) : undefined);
    const host = baseUrl === undefined ? `api.${api}.com` : hostOf(baseUrl);
    const isHosted = /(^|\.)(openai\.com|azure\.com|anthropic\.com)$/.test(host ?? "");
    const isKeyMissing = isHosted && !apiKey;
    const problem = host === undefined
      ? `${urlName} must be a URL such as https://host/v1`
      : isNeeded && isKeyMissing
      ? `${urlName.replace("BASE_URL", "API_KEY")} is missing (the key of ${host}; ` +
        `a server that wants none is named by ${urlName})`
      : undefined;
    if (problem && !problems.includes(problem)) problems.push(problem);
    const provider = host === `api.${api}.com` ? api : host ?? "";
    return { settings: { provider, api, apiKey, baseUrl }, isConfigured: !isKeyMissing };
  };

  const embeddingApi = choice("EMBEDDING_PROVIDER", ["openai", "supabase"], "openai");
  const batchSize = count("EMBEDDING_BATCH_SIZE", 64, 1);
  const openaiEmbedding = {
    ...server("openai", "EMBEDDING", needs.includes("embeddings") && embeddingApi === "openai")
      .settings,
    model: text("OPENAI_EMBEDDING_MODEL") ?? "text-embedding-3-small",
    dimensions: count("OPENAI_EMBEDDING_DIMENSIONS", 1536, 1),
    batchSize,
  };

  const prefersAnthropic = text("ANTHROPIC_API_KEY") && !text("OPENAI_API_KEY") &&
    !text("DRAFT_BASE_URL") && !text("DRAFT_API_KEY");
  const draftApi = choice(
    "DRAFT_PROVIDER",
    ["openai", "anthropic"],
    prefersAnthropic ? "anthropic" : "openai",
  );
  const draft = draftApi === "anthropic"
    ? server("anthropic", "ANTHROPIC", needs.includes("draft"))
    : server("openai", "DRAFT", needs.includes("draft"));
  const draftModels = {
    anthropic: text("ANTHROPIC_DRAFT_MODEL") ?? "claude-sonnet-5-5",
    openai: text("OPENAI_DRAFT_MODEL") ?? "gpt-5.4-mini",
  };

  let account: ServiceAccount | undefined;
  if (needs.includes("search_console")) {
    const key = required("GOOGLE_SERVICE_ACCOUNT", "JSON key of a Google service account");
    if (key) account = parseServiceAccount(key);
    if (key && !account) {
      problems.push(
        "GOOGLE_SERVICE_ACCOUNT must be the JSON key of a service account, on one line",
      );
    }
  }

  const env: Env = {
    supabaseUrl: required("SUPABASE_URL", "https://<project>.supabase.co").replace(/\/+$/, ""),
    serviceKey: secretKeys[0] ?? "",
    secretKeys,
    visibilitySeconds: count("PAGEPERFECT_QUEUE_VISIBILITY", 60, 5),
    embedding: embeddingApi === "supabase" ? { ...gteSmall } : openaiEmbedding,
    draft: { ...draft.settings, model: draftModels[draftApi] },
    isDraftConfigured: draft.isConfigured,
    isVerifyDefault: choice("PAGEPERFECT_VERIFY", ["on", "off"], "on") === "on",
    scraper: {
      apiKey: text("SCRAPER_API_KEY"),
      baseUrl: text("SCRAPER_API_BASE_URL") ?? "https://api.scraperapi.com",
    },
    searchConsole: {
      account,
      baseUrl: (text("GOOGLE_API_BASE_URL") ?? "https://searchconsole.googleapis.com")
        .replace(/\/+$/, ""),
    },
    allowedHosts: (text("PAGEPERFECT_ALLOWED_HOSTS") ?? "").split(",").map((host) => host.trim())
      .filter(Boolean),
  };
  if (problems.length > 0) throw new EnvError(problems);
  return env;
}

function hostOf(url: string): string | undefined {
  try {
    const { hostname, protocol } = new URL(url);
    return /^https?:$/.test(protocol) ? hostname : undefined;
  } catch {
    return undefined;
  }
}

function parseServiceAccount(key: string): ServiceAccount | undefined {
  try {
    const { client_email, private_key, token_uri } = JSON.parse(key);
    const fields = [client_email, private_key, token_uri];
    if (fields.some((field) => typeof field !== "string" || field === "")) return undefined;
    return { client_email, private_key, token_uri };
  } catch {
    return undefined;
  }
}

const secretNames = [
  "OPENAI_API_KEY",
  "EMBEDDING_API_KEY",
  "DRAFT_API_KEY",
  "ANTHROPIC_API_KEY",
  "SCRAPER_API_KEY",
  "GOOGLE_SERVICE_ACCOUNT",
];

/** Every secret value in the environment, for redaction. */
export function secretValues(get: Get = fromDeno): string[] {
  return [...readSecretKeys(get), ...secretNames.map((name) => get(name))]
    .filter((value): value is string => value !== undefined && value.length >= 6);
}
