/**
 * Rules that hold the house together: who may import whom (`DESIGN`'s table, word for word below), and that only
 * `ffi/` says the words of the foreign-function interface. `deno lint` loads this file as a plugin.
 *
 * @module
 */
import { dirname, fromFileUrl, join, relative } from "@std/path";

const root = fromFileUrl(new URL("..", import.meta.url));

/** What a folder may import, beside what those may. `cli` may import all. */
const mayImport: Record<string, readonly string[]> = {
  base: [],
  text: ["base"],
  ffi: ["base"],
  tensor: ["ffi"],
  nn: ["tensor"],
  optim: ["nn"],
  image: ["tensor"],
  file: ["tensor"],
  diffusion: ["tensor"],
  data: ["image", "file"],
  model: ["nn", "text"],
  metric: ["model", "image"],
  released: ["model", "diffusion", "file"],
  task: ["released", "data", "metric"],
  train: ["task", "optim", "metric"],
  setup: ["ffi"],
};

/** Files of these folders may look behind every door. */
const free = ["test", "bench", ".ci"];

/** The folder of ours that a file belongs to: `ffi` or the one under `lib/`; of other files, their place. */
function folderOf(path: string): string {
  const [first = "", second = "", third] = path.split("/");
  return first === "lib" && third !== undefined ? second : first;
}

function allowed(folder: string): Set<string> {
  const direct = mayImport[folder] ?? [];
  return new Set(direct.flatMap((other) => [other, ...allowed(other)]));
}

/** What is wrong with a file's import of another, both by their path from the root; undefined where nothing is. */
export function badImport(from: string, to: string): string | undefined {
  const [here, there] = [folderOf(from), folderOf(to)];
  const ours = (folder: string) => folder === "cli" || folder in mayImport;
  if (free.includes(here) || here === there || !ours(there)) return undefined;
  if (!to.endsWith("/mod.ts")) return `${there} is entered by its door, ${doorOf(there)}, not by ${to}`;
  if (there === "cli") return from === "cli.ts" ? undefined : "nothing imports cli";
  if (!(here in mayImport) || allowed(here).has(there)) return undefined;
  const names = [...allowed(here)].join(", ");
  return `${here} may import ${names === "" ? "no other folder" : names}; not ${there}`;
}

function doorOf(folder: string): string {
  return folder === "ffi" ? "ffi/mod.ts" : `lib/${folder}/mod.ts`;
}

/** The path from the root with `/`; a test's file name may be relative already. */
function fromRoot(filename: string): string {
  const absolute = filename.startsWith("/") || /^[A-Za-z]:/.test(filename);
  return (absolute ? relative(root, filename) : filename).replaceAll("\\", "/");
}

const imports: Deno.lint.Rule = {
  create(context) {
    const from = fromRoot(context.filename);
    const look = (source: Deno.lint.Node | null) => {
      if (source?.type !== "Literal" || typeof source.value !== "string" || !source.value.startsWith(".")) return;
      const to = join(dirname(from), source.value).replaceAll("\\", "/");
      const message = badImport(from, to);
      if (message !== undefined) context.report({ node: source, message });
    };
    return {
      ImportDeclaration: (node) => look(node.source),
      ImportExpression: (node) => look(node.source),
      ExportAllDeclaration: (node) => look(node.source),
      ExportNamedDeclaration: (node) => look(node.source),
    };
  },
};

const foreign = /^(dlopen|Unsafe\w*|Pointer\w*)$/;

const words: Deno.lint.Rule = {
  create(context) {
    const from = fromRoot(context.filename);
    if (/^(test\/)?ffi\//.test(from)) return {};
    const report = (node: Deno.lint.Node, word: string) =>
      context.report({ node, message: `only ffi/ says ${word}`, hint: "Ask ffi/mod.ts for a typed function." });
    const isDeno = (node: Deno.lint.Node | null) => node?.type === "Identifier" && node.name === "Deno";
    const named = (node: Deno.lint.Node, property: Deno.lint.Node) => {
      const name = property.type === "Identifier" ? property.name : property.type === "Literal" ? property.value : "";
      if (foreign.test(String(name))) report(node, `Deno.${name}`);
    };
    return {
      MemberExpression: (node) => isDeno(node.object) && named(node, node.property),
      TSQualifiedName: (node) => isDeno(node.left) && named(node, node.right),
      VariableDeclarator: (node) => {
        if (!isDeno(node.init) || node.id.type !== "ObjectPattern") return;
        for (const property of node.id.properties) if (property.type === "Property") named(property, property.key);
      },
      Literal: (node) => /^pointer$/.test(String(node.value)) && report(node, '"pointer"'),
    };
  },
};

/** The library re-exports: `mod.ts` of the root defines nothing. */
const nothing: Deno.lint.Rule = {
  create(context) {
    if (fromRoot(context.filename) !== "mod.ts") return {};
    return {
      Program: ({ body }) => {
        for (const node of body) {
          const passesOn = node.type === "ExportAllDeclaration" ||
            node.type === "ExportNamedDeclaration" && node.source !== null;
          if (!passesOn) context.report({ node, message: "mod.ts re-exports; it defines nothing" });
        }
      },
    };
  },
};

export default {
  name: "latent",
  rules: { "import-directions": imports, "ffi-words": words, "mod-re-exports": nothing },
} satisfies Deno.lint.Plugin;
