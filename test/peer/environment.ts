/** The Python environment of the live peers: PyTorch, diffusers, Pillow, safetensors, nbclient, pinned. @module */
import { cacheFolder, LatentError, privateFolder, sha256 } from "../../lib/base/mod.ts";

/** A Python that has the packages of `requirements.txt` and `requirements-alone.txt`. */
export interface Peer {
  /** Absolute path of its interpreter. */
  python: string;
}

/** Where {@linkcode peer} finds and puts things; tests give others. */
export interface PeerOptions {
  /** The base interpreter, version 3.11 or later with pip and venv. @default {"python3"} */
  python?: string;
  /** Text of a requirements file. @default {requirements.txt} */
  requirements?: string;
  /** Text of another, of packages to be installed without what they need. @default {requirements-alone.txt} */
  alone?: string;
  /** The folder for environments. @default {peers in the cache folder} */
  cache?: string;
  /** A missing peer is an error. @default {LATENT_PEERS=required} */
  required?: boolean;
}

/** Python that prints what an environment depends on besides its requirements; fails where it is too old. */
const IDENTITY = "import sys, platform; assert sys.version_info >= (3, 11), 'Python 3.11 or later is needed';" +
  "print(sys.version, platform.machine(), sys.base_prefix)";

/**
 * The peers' environment, made when it isn't there yet: about a minute and 1 GB, told on stderr, under a lock, by one
 * rename. Undefined, with the reason on stderr, when it can't be made; that is an error where peers are required.
 */
export async function peer(options: PeerOptions = {}): Promise<Peer | undefined> {
  const { required = Deno.env.get("LATENT_PEERS") === "required" } = options;
  try {
    return { python: await environment(options) };
  } catch (error) {
    if (!(error instanceof LatentError) || required) throw error;
    console.error(`latent: tests against live peers are ignored\n${error.message}`);
  }
}

async function environment(options: PeerOptions): Promise<string> {
  const { python = "python3", cache = `${cacheFolder()}/peers` } = options;
  const read = (name: string) => Deno.readTextFile(new URL(name, import.meta.url));
  const lists: [string, string] = [
    options.requirements ?? await read("requirements.txt"),
    options.alone ?? await read("requirements-alone.txt"),
  ];
  const folder = `${privateFolder(cache)}/${
    sha256(lists.join("") + await run(python, ["-I", "-c", IDENTITY])).slice(0, 16)
  }`;
  const interpreter = `${folder}/bin/python`;
  if (await exists(folder)) return interpreter;
  using lock = await Deno.open(`${folder}.lock`, { create: true, write: true });
  await lock.lock(true);
  if (!(await exists(folder))) await make(python, lists, folder);
  return interpreter;
}

/** Makes the environment beside its place and moves it there when it is whole. */
async function make(python: string, [requirements, alone]: [string, string], folder: string): Promise<void> {
  const part = `${folder}.part`; // the lock's holder is its only user, so what an interrupted run left can go
  if (await exists(part)) await Deno.remove(part, { recursive: true });
  console.error(`latent: making the Python environment of the live peers in ${folder} (once, about a minute)`);
  await run(python, ["-I", "-m", "venv", "--without-pip", part], "shown");
  const pip = ["-I", "-m", "pip", "--python", `${part}/bin/python`, "install", "--no-compile", "--progress-bar=off"];
  for (const [name, text, ...options] of [["requirements", requirements], ["alone", alone, "--no-deps"]] as const) {
    await Deno.writeTextFile(`${part}/${name}.txt`, text);
    await run(python, [...pip, ...options, "--requirement", `${part}/${name}.txt`], "shown");
  }
  await Deno.rename(part, folder);
  console.error("latent: the live peers are there");
}

/** Runs a program; its output, or nothing when it is shown on stderr instead. */
async function run(program: string, args: string[], output: "returned" | "shown" = "returned"): Promise<string> {
  const failure = { what: `The Python environment of the live peers is not to be had: ${program} failed.`, mend: MEND };
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "inherit" }).spawn();
  } catch (cause) {
    throw new LatentError("peer.environment", { ...failure, found: (cause as Error).message, cause });
  }
  const text = output === "returned"
    ? new Response(child.stdout).text()
    : child.stdout.pipeTo(Deno.stderr.writable, { preventClose: true }).then(() => "");
  const [result, { code }] = await Promise.all([text, child.status]);
  if (code !== 0) throw new LatentError("peer.environment", { ...failure, found: `exit code ${code}` });
  return result;
}

const MEND = "The live peers need python3 (3.11 or later) with venv and pip, and the packages of " +
  "test/peer/requirements*.txt from pip's index or local folders.";

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, (error) => {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  });
}
