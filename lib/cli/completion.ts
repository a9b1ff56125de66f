import type { Command } from "./command.ts";
import { argumentsOf, choicesOf, type Flag, flagsOf, globalFlags, isSwitch } from "./flags.ts";

/** One word that can stand next, and what it is. */
interface Word {
  word: string;
  about: string;
}

/** Where the cursor can be: a pattern over the words before it, and what can stand there (nothing: a file name). */
interface Place {
  /** The words before the cursor, each followed by a space; with `*` for any. */
  before: string;
  words: Word[];
}

/** The shells that `latent completion` speaks. */
export const shells = { bash, zsh, fish } satisfies Record<string, (commands: readonly Command[]) => string>;

/** All places, the narrowest first. */
function placesOf(commands: readonly Command[]): Place[] {
  const groups = new Set(commands.flatMap(({ name }) => name.includes(" ") ? [name.split(" ")[0]!] : []));
  const firstWords = commands.filter(({ name }) => !name.includes(" ")).map(wordOf);
  return [
    ...commands.flatMap(valuePlaces),
    ...commands.map((command) => ({ before: `${command.name} *`, words: wordsOf(command) })),
    ...[...groups].map((group) => ({ before: `${group} `, words: within(group, commands) })),
    {
      before: " ",
      words: [
        ...firstWords,
        ...[...groups].map((word) => ({ word, about: within(word, commands).map((next) => next.word).join(", ") })),
      ],
    },
  ];
}

function wordOf({ name, summary }: Command): Word {
  return { word: name, about: summary };
}

function within(group: string, commands: readonly Command[]): Word[] {
  return commands.filter(({ name }) => name.startsWith(`${group} `))
    .map((command) => ({ word: command.name.slice(group.length + 1), about: command.summary }));
}

/** The flags of a command and the choices of its arguments. */
function wordsOf(command: Command): Word[] {
  const choices = argumentsOf(command).flatMap(({ node }) => choicesOf(node));
  return [...choices.map(bare), ...[...flagsOf(command), ...globalFlags].map(flagWord)];
}

function bare(word: string): Word {
  return { word, about: "" };
}

function flagWord(flag: Flag): Word {
  const negative = isSwitch(flag) && flag.node.default === true;
  return { word: `--${negative ? "no-" : ""}${flag.name}`, about: flag.node.description ?? "" };
}

/** After a flag with a value: its choices, or nothing, which is a file name. */
function valuePlaces(command: Command): Place[] {
  return flagsOf(command).filter((flag) => !isSwitch(flag)).map(({ name, node }) => ({
    before: `${command.name} *--${name} `,
    words: choicesOf(node).map(bare),
  }));
}

/** The pattern of a place for a shell's `case`: its words quoted, its `*` not. */
function pattern(before: string): string {
  return before.split("*").map((part) => part === "" ? "" : `"${part}"`).join("*");
}

function bash(commands: readonly Command[]): string {
  const cases = placesOf(commands).map(({ before, words }) =>
    `    ${pattern(before)}) words="${words.map(({ word }) => word).join(" ")}" ;;`
  );
  return `# bash completion of latent: source <(latent completion bash)
_latent() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[*]:1:COMP_CWORD-1} " words=""
  case "$before" in
${cases.join("\n")}
  esac
  # flags only where one has begun: else file names would never come
  [[ $current == -* ]] || words="$(printf '%s\\n' $words | grep -v '^-')"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _latent latent
`;
}

function zsh(commands: readonly Command[]): string {
  const quote = ({ word, about }: Word) => `'${word}${about === "" ? "" : `:${about.replaceAll("'", "'\\''")}`}'`;
  const cases = placesOf(commands).map(({ before, words }) =>
    `    ${pattern(before)}) next=(${words.map(quote).join(" ")}) ;;`
  );
  return `#compdef latent
# zsh completion of latent: source <(latent completion zsh)
_latent() {
  local before="\${(j: :)words[2,CURRENT-1]} "
  local -a next
  case "$before" in
${cases.join("\n")}
  esac
  # flags only where one has begun: else file names would never come
  [[ $words[CURRENT] == -* ]] || next=(\${next:#-*})
  _describe latent next || _files
}
if [[ "$funcstack[1]" == _latent ]]; then _latent "$@"; else compdef _latent latent; fi
`;
}

function fish(commands: readonly Command[]): string {
  const quote = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = placesOf(commands).flatMap(({ before, words }) => {
    const files = before.endsWith("*") ? "" : " -f"; // -f: no file names; where flags can stand, they can too
    const where = `-n ${quote(`__latent_before ${quote(before)}`)}${files}`;
    return words.map(({ word, about }) => `complete -c latent ${where} -a ${quote(word)} -d ${quote(about)}`);
  });
  return `# fish completion of latent: latent completion fish | source
function __latent_before
  set -l before (commandline -opc)[2..]
  string match -q -- $argv[1] "$before "
end
${lines.join("\n")}
`;
}
