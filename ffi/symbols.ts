/** The FFI table of native/latent.h; a test holds the two against each other. */
export const symbols = {
  latent_abi: { parameters: [], result: "i32" },
  latent_info: { parameters: ["i32"], result: "i32" },
  latent_frame_new: { parameters: [], result: "i32" },
  latent_frame_free: { parameters: ["i32"], result: "void" },
  latent_frame_memory: { parameters: ["i32"], result: "pointer" },
  latent_operator: { parameters: ["i32"], result: "i32" },
  latent_call: { parameters: ["i32", "i32", "i32"], result: "i32" },
  latent_schema: { parameters: ["i32", "i32"], result: "i32" },
  latent_free: { parameters: ["i32", "i32"], result: "i32" },
  latent_alias: { parameters: ["i32", "f64"], result: "i32" },
  latent_live: { parameters: [], result: "f64" },
  latent_meta: { parameters: ["i32", "f64"], result: "i32" },
  latent_from_bytes: { parameters: ["i32", "buffer", "f64"], result: "i32" },
  latent_read: { parameters: ["i32", "f64", "buffer", "f64", "f64"], result: "i32" },
  latent_from_file: { parameters: ["i32"], result: "i32" },
  latent_backward: { parameters: ["i32"], result: "i32" },
  latent_gradients: { parameters: ["i32"], result: "i32" },
  latent_grad: { parameters: ["i32", "f64"], result: "i32" },
  latent_grads: { parameters: ["i32"], result: "i32" },
  latent_set_grads: { parameters: ["i32"], result: "i32" },
  latent_mode: { parameters: ["i32", "i32", "i32"], result: "i32" },
  latent_autocast: { parameters: ["i32"], result: "i32" },
  latent_threads: { parameters: ["i32", "i32"], result: "i32" },
  latent_deterministic: { parameters: ["i32", "i32"], result: "i32" },
  latent_tf32: { parameters: ["i32", "i32"], result: "i32" },
  latent_generator: { parameters: ["i32"], result: "i32" },
  latent_generator_state: { parameters: ["i32", "f64"], result: "i32" },
  latent_generator_set_state: { parameters: ["i32", "f64", "f64"], result: "i32" },
  latent_memory: { parameters: ["i32"], result: "i32" },
  latent_memory_release: { parameters: ["i32"], result: "i32" },
  latent_memory_limit: { parameters: ["i32", "f64"], result: "i32" },
  latent_synchronize: { parameters: ["i32"], result: "i32" },
  latent_arm_signals: { parameters: ["i32"], result: "i32" },
  latent_test_throw: { parameters: ["i32"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The number that `latent_abi` returns; changed with every change of latent.h. */
export const abi = 1;

/** Cells of a frame, LATENT_FRAME_CELLS of latent.h. */
export const frameCells = 131072;

/** Kinds of items in a frame, `latent_kind` of latent.h. */
export const Kind = {
  none: 0,
  tensor: 1,
  number: 2,
  boolean: 3,
  string: 4,
  tensors: 5,
  numbers: 6,
  generator: 7,
  int64: 8,
  default: 9,
} as const;
