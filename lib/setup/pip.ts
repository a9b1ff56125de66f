import { join } from "@std/path";
import { bytesBelow, LatentError, namesIn, privateFolder, type WorkEvent, type WorkProgress } from "../base/mod.ts";
import { diskFull, isDiskFull } from "./failure.ts";
import { lastLines, run } from "./process.ts";

/**
 * Fetches wheels with the pip of `python3` from the index that it is configured for, into a folder of their own:
 * nothing is installed, and nothing is built (source packages are refused). Returns their paths.
 *
 * Throws `setup.no_python`, `setup.no_pip`, `setup.disk_full`, `setup.no_wheel` when the index has none that fits, and
 * `setup.fetch` when pip fails otherwise.
 */
export async function* pipDownload(
  args: string[],
  folder: string,
  signal?: AbortSignal,
): AsyncGenerator<WorkEvent, string[]> {
  const wheels = privateFolder(folder, "wheels");
  const temporary = privateFolder(folder, "tmp");
  const options = ["--only-binary=:all:", "--progress-bar=off", "--no-input", "--disable-pip-version-check"];
  const command = ["python3", "-m", "pip", "download", "--dest", wheels, ...options, ...args];
  // In a folder of ours, since `-m` imports from the current one first.
  const env = { TMPDIR: temporary, PYTHONUNBUFFERED: "1", PIP_REQUIRE_VIRTUALENV: "0" };
  let ran;
  try {
    ran = yield* run(command, downloadProgress(temporary), { cwd: folder, env, signal });
  } catch (error) {
    throw error instanceof Deno.errors.NotFound ? noPython() : error;
  }
  if (!ran.success) throw pipFailure(args, folder, ran.output);
  return namesIn(wheels).map((name) => join(wheels, name));
}

/** Tells how far the download is that pip named last: its size is in pip's line, what has come lies in a folder of ours. */
function downloadProgress(folder: string): (output: string) => WorkProgress | undefined {
  let current = "";
  let before = 0;
  return (output) => {
    const [line, name, size, unit] = [...output.matchAll(/Downloading (\S+\.whl) \(([\d.]+) ([kMG]B)\)/g)].at(-1) ?? [];
    if (line === undefined) return undefined;
    const bytes = bytesBelow(folder);
    if (line !== current) [current, before] = [line, bytes];
    const total = Number(size) * { kB: 1e3, MB: 1e6, GB: 1e9 }[unit as "kB" | "MB" | "GB"];
    const done = Math.min(total, Math.max(0, bytes - before));
    return { type: "progress", label: `fetch ${name!.split("/").at(-1)!.split("-")[0]}`, done, total, unit: "B" };
  };
}

function pipFailure(args: string[], folder: string, output: string): LatentError {
  if (isDiskFull(output)) return diskFull(folder);
  const found = lastLines(output);
  if (/No module named '?"?pip\b/.test(output)) {
    return new LatentError("setup.no_pip", {
      what: "libtorch must be fetched, and python3 has no pip to do it",
      found,
      wanted: "python3 with pip (needed once, not at run time)",
      mend: "Install it (Debian, Ubuntu: `apt install python3-pip`; Fedora: `dnf install python3-pip`), " +
        "or give a wheel with `latent setup --from-wheel FILE`.",
    });
  }
  const none = /No matching distribution found/.test(output) && !/Retrying \(/.test(output); // it was reached
  return new LatentError(none ? "setup.no_wheel" : "setup.fetch", {
    what: none ? `the package index has no wheel for ${args.join(" ")}` : `pip could not fetch ${args.join(" ")}`,
    found,
    mend: "See that pip reaches its index (`python3 -m pip config list`), or get the wheel of PyTorch elsewhere and " +
      "run `latent setup --from-wheel FILE`, or name an installed PyTorch with `--libtorch DIR`.",
  });
}

function noPython(): LatentError {
  return new LatentError("setup.no_python", {
    what: "libtorch must be fetched, and there is no python3 to do it",
    found: "no python3 on the PATH",
    wanted: "python3 with pip on the PATH (needed once, not at run time)",
    mend: "Install it (Debian, Ubuntu: `apt install python3-pip`), or get the wheel of PyTorch elsewhere and run " +
      "`latent setup --from-wheel FILE`, or name an installed libtorch with `--libtorch DIR`.",
  });
}
