/**
 * The program as one file, with everything inside that it needs but libtorch, in dist/:
 * `deno task bundle` makes latent.js, which Deno runs, and `deno task compile` of that latent, which runs by itself.
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";

const root = fromFileUrl(new URL("..", import.meta.url));

/** Makes the file to run with `deno run -A`; it asks for no other file, no package and no config. */
export async function bundle(path: string): Promise<void> {
  await deno(["bundle", "--quiet", "--output", path, "cli.ts"]);
}

/** Makes an executable of what {@linkcode bundle} made, in Deno's runtime: the one that DENORT_BIN names, or a download. */
export async function compile(bundled: string, path: string): Promise<void> {
  const alone = ["--no-config", "--no-lock", "--no-check"]; // nothing of ours but the bundle is embedded
  await deno(["compile", "--quiet", ...alone, "--allow-all", "--no-prompt", "--output", path, bundled]);
}

async function deno(args: string[]): Promise<void> {
  const { success, code } = await new Deno.Command(Deno.execPath(), { args, cwd: root, stdin: "null" }).spawn().status;
  if (!success) throw new Error(`deno ${args.join(" ")} ended with code ${code}`);
}

async function main(what: string | undefined): Promise<number> {
  const [bundled, executable] = [join(root, "dist/latent.js"), join(root, "dist/latent")];
  await bundle(bundled);
  console.log(`${bundled}: run it with \`deno run -A\``);
  if (what === "bundle") return 0;
  try {
    await compile(bundled, executable);
  } catch {
    console.error(
      `latent: ${executable} was not made, for the reason above. Where Deno can't download its runtime for executables\n` +
        `(denort of Deno ${Deno.version.deno} for ${Deno.build.target}), get it elsewhere and name it: ` +
        `DENORT_BIN=FILE deno task compile.\nThe bundle is whole, and the same program.`,
    );
    return 1;
  }
  console.log(executable);
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args[0]));
