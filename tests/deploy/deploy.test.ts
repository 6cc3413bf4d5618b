// The real Supabase CLI deploys to a loopback Management API and to the embedded Postgres: what arrives
// there is what a project would get.

import assert from "node:assert/strict";
import { dirname } from "node:path";
import postgres from "npm:postgres@3.4.9";
import { checkFunctions, type FunctionSource, maxSourceBytes } from "../../cli/deploy/functions.ts";
import { checkSecrets } from "../../cli/deploy/secrets.ts";
import { FunctionHost } from "../../local/functions.ts";
import { root } from "../../local/paths.ts";
import { ProcessTable } from "../../local/processes.ts";
import { startStack } from "../../local/stack.ts";
import { startProject } from "../install/project.ts";
import { startManagementApi, type Upload } from "./management_api.ts";

const projectRef = "abcdefghijklmnopqrst";
const accessToken = `sbp_${"0123456789".repeat(4)}`;
const envFile = `
OPENAI_API_KEY="sk-test-openai $HOME"
SCRAPER_API_KEY=scraper-test-key
SUPABASE_SERVICE_ROLE_KEY=never-to-be-sent
SOMETHING_ELSE=not-ours
PAGEPERFECT_SECRET_KEY=sb_secret_for_the_schedules
`;

async function pageperfect(args: string[], env: Record<string, string> = {}, checkout = root) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "-A", "--config", `${checkout}/deno.json`, `${checkout}/cli/main.ts`],
      ...args,
    ],
    env: { SUPABASE_ACCESS_TOKEN: accessToken, NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr), all: text(stdout) + text(stderr) };
}

Deno.test("deploy brings a project to this checkout", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "pageperfect-deploy-" });
  const api = await startManagementApi(folder, accessToken);
  await using project = await startProject();
  await Deno.writeTextFile(`${folder}/.env`, envFile);
  const command = [
    ...["deploy", "--project-ref", projectRef, "--env-file", `${folder}/.env`],
    ...["--db-url", `${project.stack.dbUrl}?sslmode=disable`, "--profile", api.profile],
  ];
  try {
    await t.step("a dry run prints a plan and calls nobody", async () => {
      const { code, stdout } = await pageperfect([...command, "--dry-run"]);
      assert.equal(code, 0);
      assert.match(stdout, /Plan for https:\/\/abcdefghijklmnopqrst\.supabase\.co/);
      assert.match(stdout, /migration +20251016110000_site_tables\.sql\n/);
      assert.match(stdout, /new +\d+ functions and views\n/);
      assert.equal((await project.sql`select to_regclass('pipeline.jobs') as jobs`)[0].jobs, null);
      assert.match(stdout, /4\. Secrets +OPENAI_API_KEY, SCRAPER_API_KEY\n/);
      assert.match(stdout, /not read them: SUPABASE_SERVICE_ROLE_KEY, SOMETHING_ELSE\n/);
      assert.match(stdout, /Nothing was changed/);
      assert.deepEqual(api.requests, []);
    });

    await t.step("what is missing is named with what to do, and nothing is changed", async () => {
      const { code, stderr } = await pageperfect([
        ...["deploy", "--project-ref", "my-project", "--env-file", `${folder}/none.env`, "--yes"],
        ...["--profile", api.profile],
      ], { SUPABASE_ACCESS_TOKEN: "" });
      assert.equal(code, 1);
      assert.match(stderr, /nothing was changed/);
      assert.match(stderr, /SUPABASE_ACCESS_TOKEN is missing/);
      assert.match(stderr, /"my-project" is no project ref: 20 lower-case letters/);
      assert.match(stderr, /there is no .*none\.env/);
      assert.deepEqual(api.requests, []);
    });

    await t.step("without a terminal it asks for --yes", async () => {
      const { code, stderr } = await pageperfect(command);
      assert.equal(code, 1);
      assert.match(stderr, /pass --yes/);
      assert.deepEqual(api.requests, []);
    });

    await t.step("a wrong token stops it before anything is written", async () => {
      const wrong = { SUPABASE_ACCESS_TOKEN: `sbp_${"f".repeat(40)}` };
      const { code, stderr } = await pageperfect([...command, "--yes"], wrong);
      assert.equal(code, 1);
      assert.match(stderr, /signing in failed; set SUPABASE_ACCESS_TOKEN/);
      assert.equal(api.uploads.size, 0);
      assert.equal(api.secrets.size, 0);
    });

    await t.step(
      "tables that are the project's own stop it before anything is written",
      async () => {
        await project.sql`create table public.content_jobs (id uuid primary key)`;
        const { code, stderr } = await pageperfect([...command, "--yes"]);
        await project.sql`drop table public.content_jobs`;
        assert.equal(code, 1);
        assert.match(stderr, /table public\.content_jobs is the project's own.*rename it/);
        assert.equal(api.uploads.size, 0);
        assert.equal(api.secrets.size, 0);
        assert.equal(
          (await project.sql`select to_regclass('pipeline.jobs') as jobs`)[0].jobs,
          null,
        );
      },
    );

    for (const time of ["first", "second"]) {
      await t.step(`the ${time} run puts all in place and prints no secret`, async () => {
        const { code, all } = await pageperfect([...command, "--yes"]);
        assert.equal(code, 0, all);
        assert.doesNotMatch(all, /sk-test-openai|scraper-test-key|sb_secret_for/);
        assert.match(all, /ok +schedule pageperfect-dispatcher/);
      });
    }

    await t.step("the functions' secrets are those that functions read", () => {
      assert.deepEqual(
        api.secrets,
        new Map([
          ["OPENAI_API_KEY", "sk-test-openai $HOME"],
          ["SCRAPER_API_KEY", "scraper-test-key"],
        ]),
      );
    });

    await t.step("Vault holds the project's URL and the key once each", async () => {
      const secrets = await project.sql`
        select name, decrypted_secret as value from vault.decrypted_secrets order by name`;
      assert.deepEqual(secrets.map(({ name, value }) => [name, value]), [
        ["pageperfect_secret_key", "sb_secret_for_the_schedules"],
        ["project_url", `https://${projectRef}.supabase.co`],
      ]);
    });

    await checkUploads(t, api.uploads, folder);

    await t.step("a changed function arrives; a dry run names it before", async () => {
      const checkout = `${folder}/checkout`;
      await Deno.mkdir(checkout);
      const parts = [
        "cli",
        "local",
        "functions",
        "supabase",
        "crates",
        "build.sh",
        "Cargo.toml",
        "Cargo.lock",
        ".cargo",
      ];
      const { success } = await new Deno.Command("cp", {
        args: ["-R", ...[...parts, "deno.json"].map((part) => `${root}/${part}`), checkout],
      }).output();
      assert.ok(success);
      const file = `${checkout}/supabase/schemas/crawl/crawls_per_host.sql`;
      await Deno.writeTextFile(
        file,
        (await Deno.readTextFile(file)).replace("select 2", "select 7"),
      );
      const dry = await pageperfect([...command, "--dry-run"], {}, checkout);
      assert.equal(dry.code, 0, dry.all);
      assert.match(dry.stdout, /changed +crawl\/crawls_per_host\.sql\n/);
      assert.doesNotMatch(dry.stdout, /new +\w+\//);
      const { code, all } = await pageperfect([...command, "--yes"], {}, checkout);
      assert.equal(code, 0, all);
      assert.equal((await project.sql`select pipeline.crawls_per_host() as count`)[0].count, 7);
    });

    await t.step("remove takes all of it away", async () => {
      const { code, all } = await pageperfect([
        ...["remove", "--project-ref", projectRef, "--yes", "--profile", api.profile],
        ...["--db-url", `${project.stack.dbUrl}?sslmode=disable`],
      ]);
      assert.equal(code, 0, all);
      assert.equal(api.uploads.size, 0);
      assert.equal(api.secrets.size, 0);
      assert.equal((await project.sql`select to_regclass('pipeline.jobs') as jobs`)[0].jobs, null);
    });
  } finally {
    await api.close();
    await Deno.remove(folder, { recursive: true });
  }
});

/** What was uploaded, against the repository and on both versions of Deno. */
async function checkUploads(
  t: Deno.TestContext,
  uploads: Map<string, Upload>,
  folder: string,
) {
  const { functions, problems } = await checkFunctions();
  const sources = new Map<string, FunctionSource>(functions.map((source) => [source.slug, source]));

  await t.step(
    "every folder of functions/ has a section and an entrypoint, and was uploaded",
    async () => {
      assert.deepEqual(problems, []);
      const folders: string[] = [];
      for await (const { name } of Deno.readDir(`${root}/functions`)) {
        if (!name.startsWith("_")) folders.push(name);
      }
      assert.deepEqual([...uploads.keys()].sort(), folders.sort());
      for (const { slug, metadata, files } of uploads.values()) {
        assert.equal(metadata.entrypoint_path, `functions/${slug}/index.ts`);
        assert.ok(files.has(metadata.entrypoint_path));
        assert.equal(metadata.verify_jwt, false, `${slug} checks its callers itself`);
      }
    },
  );

  await t.step("every upload contains exactly the modules it imports", () => {
    for (const { slug, files } of uploads.values()) {
      assert.deepEqual([...files.keys()].sort(), sources.get(slug)!.modules, slug);
    }
  });

  await t.step(`every upload is smaller than ${maxSourceBytes / 1e6} MB`, () => {
    for (const { slug, files } of uploads.values()) {
      const bytes = [...files.values()].reduce((sum, text) => sum + new Blob([text]).size, 0);
      assert.ok(bytes < maxSourceBytes, `${slug} has ${bytes} bytes`);
      assert.equal(bytes, sources.get(slug)!.bytes, slug);
    }
  });

  for (const deno of ["2.1", "newest"] as const) {
    await t.step(
      `every function starts on Deno ${deno} from its uploaded files alone`,
      async () => {
        await Promise.all([...uploads.values()].map(async ({ slug, metadata, files }) => {
          const projectDir = `${folder}/${deno}/${slug}`;
          for (const [name, text] of files) {
            await Deno.mkdir(dirname(`${projectDir}/${name}`), { recursive: true });
            await Deno.writeTextFile(`${projectDir}/${name}`, text);
          }
          const host = new FunctionHost({
            projectDir,
            deno,
            logsDir: projectDir,
            processes: new ProcessTable(`${projectDir}/pids.json`),
            env: () => Deno.env.toObject(),
          });
          try {
            const call = (request: Request) =>
              host.fetch(slug, `${projectDir}/${metadata.entrypoint_path}`, slug, request);
            const preflight = await call(new Request("http://host/", { method: "OPTIONS" }));
            assert.equal(preflight.status, 204, await preflight.text());
            const stranger = await call(
              new Request("http://host/", { method: "POST", body: "{}" }),
            );
            assert.ok([401, 500].includes(stranger.status), `${slug}: ${await stranger.text()}`);
          } finally {
            await host.stop();
          }
        }));
      },
    );
  }
}

Deno.test("checkSecrets never lets SUPABASE_ names or the schedules' key through", () => {
  const { secrets, ignored, problems, scheduleKey } = checkSecrets(
    {
      OPENAI_API_KEY: "sk",
      SUPABASE_URL: "https://elsewhere",
      SUPABASE_SECRET_KEYS: "{}",
      PAGEPERFECT_SECRET_KEY: "sb_secret_x",
      DRAFT_PROVIDER: "",
    },
    "https://project.supabase.co",
  );
  assert.deepEqual(secrets, { OPENAI_API_KEY: "sk" });
  assert.deepEqual(ignored, ["SUPABASE_URL", "SUPABASE_SECRET_KEYS"]);
  assert.deepEqual(problems, []);
  assert.equal(scheduleKey, "sb_secret_x");
});

Deno.test("checkSecrets names everything that is missing or wrong at once", () => {
  const { problems } = checkSecrets(
    {
      DRAFT_PROVIDER: "anthropic",
      PAGEPERFECT_SECRET_KEY: "sb_publishable_x",
      SCRAPER_API_KEY: "a'b",
    },
    "https://project.supabase.co",
  );
  assert.deepEqual(problems.map((problem) => problem.split(" ")[0]), [
    "SCRAPER_API_KEY",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "PAGEPERFECT_SECRET_KEY",
  ]);
});

Deno.test("checkSecrets knows every setting of the models and of Search Console", () => {
  const account = { client_email: "a@b", private_key: "pem", token_uri: "https://t" };
  const env = {
    EMBEDDING_BASE_URL: "https://ollama.example/v1",
    EMBEDDING_BATCH_SIZE: "16",
    OPENAI_EMBEDDING_MODEL: "nomic-embed-text",
    OPENAI_EMBEDDING_DIMENSIONS: "768",
    DRAFT_PROVIDER: "anthropic",
    ANTHROPIC_API_KEY: "sk-ant",
    ANTHROPIC_DRAFT_MODEL: "claude",
    GOOGLE_SERVICE_ACCOUNT: JSON.stringify(account),
  };
  const checked = (changes: Record<string, string>) =>
    checkSecrets({ PAGEPERFECT_SECRET_KEY: "sb_secret_x", ...env, ...changes }, "https://p");
  assert.deepEqual([checked({}).secrets, checked({}).ignored, checked({}).problems], [env, [], []]);
  const more = { EMBEDDING_PROVIDER: "supabase", EMBEDDING_API_KEY: "e", DRAFT_API_KEY: "d" };
  assert.deepEqual(checked(more).secrets, { ...env, ...more });
  assert.deepEqual(checked({ EMBEDDING_BASE_URL: "http://localhost:11434/v1" }).problems, [
    "EMBEDDING_BASE_URL is on this machine, which Supabase's functions cannot reach",
  ]);
  assert.match(
    checked({ GOOGLE_SERVICE_ACCOUNT: "{}" }).problems[0],
    /^GOOGLE_SERVICE_ACCOUNT must/,
  );
});

Deno.test("the schedules are left out on a database that offers none of its extensions", async () => {
  await using stack = await startStack({ ticker: false });
  const schedules = await Deno.readTextFile(
    `${root}/supabase/schemas/4_schedules.sql`,
  );
  const warnings: string[] = [];
  const sql = postgres(stack.adminDbUrl, {
    max: 1,
    onnotice: ({ severity, message }) => {
      if (severity === "WARNING") warnings.push(String(message));
    },
  });
  try {
    await sql`drop extension pg_cron cascade`;
    await sql`drop extension pg_net cascade`;
    await sql`drop extension supabase_vault cascade`;
    const [{ path }] = await sql`select current_setting('extension_control_path') as path`;
    await sql`select set_config('extension_control_path', '$system', false)`;
    await sql.unsafe(schedules);
    assert.equal(warnings.length, 11);
    assert.match(warnings[0], /extension pg_cron is missing: enable pg_cron/);

    await sql`select set_config('extension_control_path', ${path}, false)`;
    const missing = await sql`select item from pipeline.install_schedules() where not is_ready`;
    assert.deepEqual(missing.map(({ item }) => item), [
      "vault secret project_url",
      "vault secret pageperfect_secret_key",
    ]);
  } finally {
    await sql.end();
  }
});
