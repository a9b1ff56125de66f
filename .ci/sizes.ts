/**
 * A report, not a rule: files over 400 lines and functions over 60, for which a reader should find a good reason. It
 * is a lint plugin, since that is who knows where a function ends; `.ci/sizes.json` loads it alone.
 *
 * @module
 */
const maxFileLines = 400;
const maxFunctionLines = 60;

type FunctionNode = Deno.lint.FunctionDeclaration | Deno.lint.FunctionExpression | Deno.lint.ArrowFunctionExpression;

const sizes: Deno.lint.Rule = {
  create(context) {
    const { text } = context.sourceCode;
    const linesOf = ([start, end]: Deno.lint.Range) => text.slice(start, end).split("\n").length;
    const measure = (node: FunctionNode) => {
      const lines = linesOf(node.range);
      if (lines > maxFunctionLines) context.report({ node, message: `a function of ${lines} lines` });
    };
    return {
      Program: ({ range }) => {
        const lines = text.split("\n").length - 1;
        if (lines > maxFileLines) context.report({ range, message: `a file of ${lines} lines` });
      },
      FunctionDeclaration: measure,
      FunctionExpression: measure,
      ArrowFunctionExpression: measure,
    };
  },
};

export default { name: "sizes", rules: { sizes } } satisfies Deno.lint.Plugin;
