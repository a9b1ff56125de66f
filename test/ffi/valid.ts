import type { Draw } from "./draw.ts";
import { long, real, whole } from "./arguments.ts";
import { flag, int64, type Item, listOf, none, number, numbers, one, text } from "./items.ts";
import { dtypes, type Pool } from "./pool.ts";

/**
 * Calls that are right, by operator: the fuzzer changes one or two of their arguments, which takes it past the first
 * checks. `[2,3]` is a float32 tensor of that shape, `i[4]` int64 (zeros and ones), `b[4]` bool, `{[3] [3]}` a list of
 * tensors, `(1,2)` numbers, `'mean'` a string, `T` and `F` booleans, `_` none.
 */
export const validCalls: Record<string, string> = {
  "conv2d": "[2,4,8,8] [8,2,3,3] [8] (1,1) (1,1) (1,1) 2",
  "conv2d.padding": "[2,4,8,8] [8,4,3,3] [8] (1,1) 'same' (1,1) 1",
  "convolution": "[2,4,8,8] [4,4,3,3] [4] (2,2) (1,1) (1,1) T (1,1) 1",
  "group_norm": "[2,4,3,3] 2 [4] [4] 1e-5 T",
  "layer_norm": "[2,3,4] (3,4) [3,4] [3,4] 1e-5 T",
  "batch_norm": "[2,4,3,3] [4] [4] [4] [4] T 0.1 1e-5 T",
  "embedding": "[5,3] i[2,4] -1 F F",
  "native_dropout": "[2,3] 0.5 T",
  "scaled_dot_product_attention": "[2,4,6,8] [2,4,5,8] [2,4,5,8] [6,5] 0 F 0.5 F",
  "upsample_nearest2d": "[2,4,5,5] (10,10) 2 2",
  "_upsample_nearest_exact2d": "[2,4,5,5] (10,10) 2 2",
  "upsample_bilinear2d": "[2,4,5,5] (10,10) F 2 2",
  "upsample_bicubic2d": "[2,4,5,5] (3,3) F 0.6 0.6",
  "_upsample_bilinear2d_aa": "[2,4,5,5] (3,3) F 0.6 0.6",
  "_upsample_bicubic2d_aa": "[2,4,5,5] (3,3) F 0.6 0.6",
  "avg_pool2d": "[2,4,6,6] (2,2) (2,2) (1,1) F T 3",
  "max_pool2d": "[2,4,6,6] (3,3) (2,2) (1,1) (1,1) F",
  "adaptive_avg_pool2d": "[2,4,6,6] (3,2)",
  "im2col": "[2,4,6,6] (3,3) (1,1) (1,1) (2,2)",
  "col2im": "[2,36,9] (6,6) (3,3) (1,1) (1,1) (2,2)",
  "reflection_pad2d": "[2,4,6,6] (1,2,2,1)",
  "constant_pad_nd": "[2,4,6] (1,2,-1,1) 0.5",
  "pixel_shuffle": "[2,8,3,3] 2",
  "mse_loss": "[2,3] [2,3] 1",
  "l1_loss": "[2,3] [2,3] 1",
  "cross_entropy_loss": "[4,3] i[4] [3] 1 -100 0.1",
  "binary_cross_entropy_with_logits": "[2,3] [2,3] [2,3] [3] 1",
  "index_select": "[3,4] 1 i[5]",
  "index.Tensor": "[3,4] {i[2] i[2]}",
  "index_put_": "[3,4] {i[2] i[2]} [2] T",
  "index_copy_": "[3,4] 1 i[2] [3,2]",
  "gather": "[3,4] 1 i[3,2] F",
  "scatter_add_": "[3,4] 1 i[3,2] [3,2]",
  "one_hot": "i[2,3] 4",
  "masked_fill.Scalar": "[3,4] b[3,4] 1",
  "masked_fill_.Scalar": "[3,4] b[4] 1",
  "where.self": "b[3,4] [3,4] [4]",
  "cat": "{[2,3] [2,3] [4,3]} 0",
  "stack": "{[2,3] [2,3]} 1",
  "mm": "[2,3] [3,4]",
  "bmm": "[2,3,4] [2,4,3]",
  "addmm": "[2,4] [2,3] [3,4] 1 1",
  "baddbmm": "[2,3,3] [2,3,4] [2,4,3] 1 1",
  "matmul": "[2,3,4] [4,3]",
  "linear": "[2,3,4] [5,4] [5]",
  "outer": "[3] [4]",
  "linalg_eigh": "[2,3,3] 'L'",
  "linalg_svd": "[2,3,4] F _",
  "linalg_vector_norm": "[2,3] 2 (0,1) F",
  "lerp.Scalar": "[2,3] [2,3] 0.5",
  "lerp_.Scalar": "[2,3] [2,3] 0.5",
  "addcmul": "[2,3] [2,3] [2,3] 2",
  "addcmul_": "[2,3] [2,3] [2,3] 2",
  "addcdiv_": "[2,3] [2,3] [2,3] 2",
  "narrow": "[3,8] 1 2 4",
  "select.int": "[3,8] 1 2",
  "slice.Tensor": "[3,8] 1 2 6 2",
  "unfold": "[3,8] 1 3 2",
  "diagonal": "[3,4,5] 1 0 2",
  "roll": "[3,4] (1,2) (0,1)",
  "flip": "[3,4] (0,1)",
  "repeat": "[3,4] (2,1,2)",
  "repeat_interleave.self_int": "[3,4] 2 1 8",
  "expand": "[3,1] (2,3,4) F",
  "permute": "[2,3,4] (2,0,1)",
  "view": "[2,3,4] (6,-1)",
  "reshape": "[2,3,4] (6,-1)",
  "flatten.using_ints": "[2,3,4] 0 1",
  "chunk": "[6,4] 3 0",
  "split.Tensor": "[6,4] 2 0",
  "topk": "[3,8] 2 1 T T",
  "sort": "[3,8] 1 T",
  "cumsum": "[3,8] 1",
  "cumprod": "[3,8] 1",
  "logsumexp": "[3,8] (0,1) F",
  "var.correction": "[3,8] (0,1) 1 F",
  "std.correction": "[3,8] (0,1) 1 F",
  "remainder.Scalar": "i[4] 3",
  "_foreach_add_.Scalar": "{[3] [4]} 2",
  "_foreach_mul.Scalar": "{[3] [4]} 2",
  "_foreach_mul_.Tensor": "{[3] [4]} []",
  "_foreach_div_.Scalar": "{[3] [4]} 2",
  "_foreach_lerp_.Scalar": "{[3] [4]} {[3] [4]} 0.5",
  "_foreach_copy_": "{[3] [4]} {[3] [4]} F",
  "_foreach_norm.Scalar": "{[3] [4]} 2",
  "_fused_adam_": "{[3] [4]} {[3] [4]} {[3] [4]} {[3] [4]} {[3] [4]} {[] []} 0.1 0.9 0.99 0 1e-8 T F [] []",
  "_fused_adamw_": "{[3] [4]} {[3] [4]} {[3] [4]} {[3] [4]} {} {[] []} 0.1 0.9 0.99 0.01 1e-8 F T _ _",
};

/** The arguments of a call of validCalls with up to three of them changed. */
export function mutated(draw: Draw, pool: Pool, call: string): Item[] {
  const words = call.match(/\{[^}]*\}|'[^']*'|[^ ]+/g)!;
  const changes = draw.of([0, 1, 1, 1, 2, 3]);
  for (let i = 0; i < changes; i++) {
    const at = draw.below(words.length);
    words[at] = changed(draw, words[at]!);
  }
  const grad = draw.chance(0.5);
  const made = (notation: string) => {
    const tensor = pool.add(draw, notation);
    return grad && notation.startsWith("[") ? tensor.requiresGrad_() : tensor;
  };
  return words.map((word) => {
    if (word.startsWith("{")) return listOf((word.match(/\w?\[[^\]]*\]/g) ?? []).map(made));
    if (word.startsWith("(")) return numbers(JSON.parse(`[${word.slice(1, -1)}]`));
    if (word.startsWith("'")) return text(word.slice(1, -1));
    if (word.endsWith("]")) return one(made(word));
    if (word.endsWith("n")) return int64(BigInt(word.slice(0, -1)));
    return word === "_" ? none : word === "T" || word === "F" ? flag(word === "T") : number(Number(word));
  });
}

function changed(draw: Draw, word: string): string {
  const inside = word.slice(1, -1);
  if (draw.chance(0.03)) return draw.of(["_", "T", "1", "'same'", "[2,3]", "i[2]", "(1,2)", "{}"]);
  if (word.startsWith("{")) {
    const ones = inside.split(" ").filter((one) => one !== "");
    return `{${edited(draw, ones, (one = "[3]") => changed(draw, one)).join(" ")}}`;
  }
  if (word.startsWith("(")) {
    return `(${edited(draw, inside.split(",").filter((n) => n !== ""), () => String(whole(draw))).join(",")})`;
  }
  if (word.endsWith("]")) {
    if (draw.chance(0.15)) return draw.of(Object.keys(dtypes)) + word.slice(word.indexOf("["));
    const sizes = word.slice(word.indexOf("[") + 1, -1).split(",").filter((size) => size !== "");
    const size = () => String(draw.of([0, 0, 1, 1, 2, 3, 5, 7, 16]));
    return `${word.slice(0, word.indexOf("["))}[${edited(draw, sizes, size).join(",")}]`;
  }
  if (/^['TF]/.test(word)) return word === "T" ? "F" : word === "F" ? "T" : draw.of(["'none'", "''", "'U'", "'valid'"]);
  if (draw.chance(0.1)) return `${long(draw)}n`;
  return String(draw.chance(0.3) ? real(draw) : whole(draw));
}

/** A list with one element replaced, dropped or added. */
function edited<T>(draw: Draw, list: readonly T[], other: (one?: T) => T): T[] {
  const at = draw.below(list.length);
  const how = list.length === 0 ? 2 : draw.below(4);
  if (how === 1) return list.toSpliced(at, 1);
  return how === 2 ? list.toSpliced(at, 0, other(list[0])) : list.with(at, other(list[at]!));
}
