// Stands in for Supabase's Management API on loopback, so that the real CLI can deploy to it: keeps what was
// uploaded and set, and answers as the CLI expects.

/** What the CLI says about a function beside its files. */
export interface FunctionMetadata {
  entrypoint_path: string;
  import_map_path?: string;
  static_patterns?: string[];
  verify_jwt?: boolean;
  name: string;
}

export interface Upload {
  slug: string;
  metadata: FunctionMetadata;
  /** Text by file name, relative to the repository. */
  files: Map<string, string>;
}

export interface ManagementApi {
  /** The newest upload of each function. */
  uploads: Map<string, Upload>;
  /** The project's function secrets. */
  secrets: Map<string, string>;
  /** `METHOD path` of every request, in order. */
  requests: string[];
  /** A file for the CLI's --profile. */
  profile: string;
  close(): Promise<void>;
}

/** Starts the stand-in; `folder` takes the profile. Only `accessToken` is let in. */
export async function startManagementApi(
  folder: string,
  accessToken: string,
): Promise<ManagementApi> {
  const uploads = new Map<string, Upload>();
  const secrets = new Map<string, string>();
  const requests: string[] = [];

  const describe = (slug: string) => ({
    id: slug,
    slug,
    name: slug,
    status: "ACTIVE",
    version: 1,
    created_at: 0,
    updated_at: 0,
    verify_jwt: uploads.get(slug)?.metadata.verify_jwt ?? true,
    entrypoint_path: uploads.get(slug)?.metadata.entrypoint_path,
  });

  const receive = async (request: Request, slug: string) => {
    const form = await request.formData();
    const files = new Map<string, string>();
    for (const part of form.getAll("file")) {
      const file = part as File;
      files.set(file.name, await file.text());
    }
    const metadata = form.get("metadata")!;
    uploads.set(slug, {
      slug,
      files,
      metadata: JSON.parse(metadata instanceof File ? await metadata.text() : metadata),
    });
    return Response.json(describe(slug), { status: 201 });
  };

  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const url = new URL(request.url);
      requests.push(`${request.method} ${url.pathname}`);
      if (request.headers.get("authorization") !== `Bearer ${accessToken}`) {
        return Response.json({ message: "Unauthorized" }, { status: 401 });
      }
      const resource = /^\/v1\/projects\/[a-z]{20}\/(.+)$/.exec(url.pathname)?.[1];
      switch (`${request.method} ${resource}`) {
        case "POST functions/deploy":
          return await receive(request, url.searchParams.get("slug")!);
        case "GET functions":
          return Response.json([...uploads.keys()].map(describe));
        case "PUT functions":
          return Response.json({ functions: await request.json() });
        case "GET secrets":
          return Response.json([...secrets.keys()].map((name) => ({ name, value: "hash" })));
        case "POST secrets":
          for (const { name, value } of await request.json()) secrets.set(name, value);
          return new Response(null, { status: 201 });
        case "DELETE secrets":
          for (const name of await request.json()) secrets.delete(name);
          return Response.json({});
        default:
          if (request.method === "DELETE" && resource?.startsWith("functions/")) {
            uploads.delete(resource.slice("functions/".length));
            return Response.json({});
          }
          return Response.json({ message: "Not Found" }, { status: 404 });
      }
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  const profile = `${folder}/profile.yaml`;
  await Deno.writeTextFile(
    profile,
    `name: loopback\napi_url: ${url}\ndashboard_url: ${url}/dashboard\nproject_host: localhost\n`,
  );
  return { uploads, secrets, requests, profile, close: () => server.shutdown() };
}
