// Answers with what it got. `?stream` sends its answer in two parts, `?exit` kills its process.
Deno.serve(async (request) => {
  const url = new URL(request.url);
  if (request.method === "OPTIONS") {
    return new Response(null, {
      status: 204,
      headers: { "access-control-allow-origin": "https://own.example" },
    });
  }
  if (url.searchParams.has("empty")) return new Response(null, { status: 204 });
  if (url.searchParams.has("exit")) Deno.exit(3);
  if (url.searchParams.has("stream")) {
    const encoder = new TextEncoder();
    return new Response(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(encoder.encode("first "));
          await new Promise((resolve) => setTimeout(resolve, 300));
          controller.enqueue(encoder.encode("second"));
          controller.close();
        },
      }),
    );
  }
  return Response.json({
    path: url.pathname,
    search: url.search,
    body: await request.text(),
    deno: Deno.version.deno,
    pid: Deno.pid,
    env: Object.keys(Deno.env.toObject()),
    supabase_url: Deno.env.get("SUPABASE_URL"),
  });
});
