/** The command line: a table of commands, what was typed, what it means, how it is shown. @module */
export * from "./command.ts";
export { commands } from "./commands.ts";
export * from "./main.ts";
export * from "./output.ts";
