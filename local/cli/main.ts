await import(Deno.args[0]);
