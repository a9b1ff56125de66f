// The C ABI of latent's shim over libtorch: the whole contract between native/ and ffi/.
//
// Rules that hold for every function:
// - Nothing throws across this border. A function that can fail takes a frame and returns a negative status; the frame
//   then holds two results, NUMBER (an error class of latent_error) and STRING (the message, UTF-8).
// - A frame is an argument buffer of one caller (an isolate, a thread): items of 8-byte cells. Arguments are written
//   to it before a call and results are read from it after the call, both from cell 0 on. Frames are named by small
//   integers, tensors and generators by handles (slot and generation in a double's exact range; 0 is "none"): a wrong
//   number, a stale handle or a random one is an error, never a crash.
// - An item is a header cell of two int32 (kind, count), then its payload; see latent_kind.
// - Pointers appear in three places only: the memory of a frame, and the bytes copied in and out of tensors, whose
//   length the caller states and owns.
// - Modes (grad, inference, autocast) belong to the calling thread.
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LATENT_ABI 1
#define LATENT_FRAME_CELLS 131072
#define LATENT_EXPORT __attribute__((visibility("default")))

// Kinds of items. "count" is the second int32 of the header.
enum latent_kind {
  LATENT_NONE = 0,       // no payload
  LATENT_TENSOR = 1,     // 1 cell: handle
  LATENT_NUMBER = 2,     // 1 cell: double; integral where the schema wants an integer
  LATENT_BOOL = 3,       // no payload: count is 0 or 1
  LATENT_STRING = 4,     // count bytes of UTF-8, padded to whole cells
  LATENT_TENSORS = 5,    // count handles, 0 for a missing one
  LATENT_NUMBERS = 6,    // count doubles
  LATENT_GENERATOR = 7,  // 1 cell: handle
  LATENT_INT64 = 8,      // 1 cell: int64
  LATENT_DEFAULT = 9,    // no payload: the schema's default
};

// Classes of errors, the first result after a negative status.
enum latent_error {
  LATENT_ERROR_TORCH = 1,     // libtorch refused; the message is its own sentence
  LATENT_ERROR_ARGUMENT = 2,  // the shim refused: counts, kinds, ranges
  LATENT_ERROR_HANDLE = 3,    // a handle of a freed or unknown tensor
  LATENT_ERROR_MEMORY = 4,    // no memory, or over the allocation limit
  LATENT_ERROR_FILE = 5,      // a file could not be opened, mapped or read
};

// --- handshake -------------------------------------------------------------------------------------------------------
LATENT_EXPORT int32_t latent_abi(void);
// → STRING: JSON of the libtorch version, build flags and devices.
LATENT_EXPORT int32_t latent_info(int32_t frame);

// --- frames ----------------------------------------------------------------------------------------------------------
LATENT_EXPORT int32_t latent_frame_new(void);
LATENT_EXPORT void latent_frame_free(int32_t frame);
// LATENT_FRAME_CELLS cells, alive as long as the frame, which dies with the thread that made it; NULL for an unknown one.
LATENT_EXPORT void* latent_frame_memory(int32_t frame);

// --- operators -------------------------------------------------------------------------------------------------------
// STRING "aten::add", STRING overload ("" for none) → the operator's number.
LATENT_EXPORT int32_t latent_operator(int32_t frame);
// Calls an operator on `items` arguments; omitted trailing ones get the schema's defaults. → the number of results.
LATENT_EXPORT int32_t latent_call(int32_t frame, int32_t op, int32_t items);
// → STRING: the schema of the index-th of all registered operators, NONE past the end.
LATENT_EXPORT int32_t latent_schema(int32_t frame, int32_t index);

// --- handles ---------------------------------------------------------------------------------------------------------
// Frees `count` handles, which stand as bare doubles from cell 0 on. Stale ones are reported after the others are freed.
LATENT_EXPORT int32_t latent_free(int32_t frame, int32_t count);
// Another handle of the same tensor.
LATENT_EXPORT int32_t latent_alias(int32_t frame, double tensor);
// The number of handles alive in this process. They outlive the thread that made them: a Worker must free its own.
LATENT_EXPORT double latent_live(void);

// --- tensors ---------------------------------------------------------------------------------------------------------
// → NUMBERS: dtype (c10::ScalarType), device type (c10::DeviceType), device index, requires grad, is leaf, then the sizes.
LATENT_EXPORT int32_t latent_meta(int32_t frame, double tensor);
// NUMBER dtype, NUMBERS shape; copies `bytes` of `data` → TENSOR on the CPU.
LATENT_EXPORT int32_t latent_from_bytes(int32_t frame, const void* data, double bytes);
// Copies `bytes` at `offset` of a contiguous CPU tensor to `data`.
LATENT_EXPORT int32_t latent_read(int32_t frame, double tensor, void* data, double offset, double bytes);
// STRING path, NUMBER offset, NUMBER dtype, NUMBERS shape, BOOL mapped → TENSOR on the CPU. Mapped: pages are shared with
// the file and written privately; otherwise read into libtorch's memory. The file must not shrink while it is mapped.
LATENT_EXPORT int32_t latent_from_file(int32_t frame);

// --- autograd --------------------------------------------------------------------------------------------------------
// TENSORS roots, TENSORS gradients (0: ones), BOOL retain graph, BOOL create graph, TENSORS inputs (none: all leaves).
LATENT_EXPORT int32_t latent_backward(int32_t frame);
// TENSORS outputs, TENSORS inputs, TENSORS gradients, BOOL retain, BOOL create, BOOL allow unused → TENSORS.
LATENT_EXPORT int32_t latent_gradients(int32_t frame);
// → TENSOR or NONE: what backward has accumulated.
LATENT_EXPORT int32_t latent_grad(int32_t frame, double tensor);
// TENSORS of which the accumulated gradients are wanted → TENSORS, 0 where there is none.
LATENT_EXPORT int32_t latent_grads(int32_t frame);
// TENSORS leaves, TENSORS gradients of the same number (0 clears).
LATENT_EXPORT int32_t latent_set_grads(int32_t frame);

// --- modes of the calling thread -------------------------------------------------------------------------------------
// Modes: 0 grad, 1 inference. Returns the previous value (0 or 1).
LATENT_EXPORT int32_t latent_mode(int32_t frame, int32_t mode, int32_t value);
// STRING device type, NUMBER dtype or NONE to switch it off → NUMBER the previous dtype, NONE if it was off.
LATENT_EXPORT int32_t latent_autocast(int32_t frame);
LATENT_EXPORT int32_t latent_threads(int32_t frame, int32_t count);  // 0 asks; → the number in force
LATENT_EXPORT int32_t latent_deterministic(int32_t frame, int32_t on);
LATENT_EXPORT int32_t latent_tf32(int32_t frame, int32_t on);

// --- generators ------------------------------------------------------------------------------------------------------
// STRING device, then INT64 or NUMBER seed → GENERATOR; with NONE as seed the device's default generator.
LATENT_EXPORT int32_t latent_generator(int32_t frame);
LATENT_EXPORT int32_t latent_generator_state(int32_t frame, double generator);  // → TENSOR (uint8)
LATENT_EXPORT int32_t latent_generator_set_state(int32_t frame, double generator, double state);

// --- memory of the CPU -----------------------------------------------------------------------------------------------
// → NUMBERS: live bytes, peak of live bytes, bytes of large blocks kept for reuse, allocations so far, limit (0: none).
LATENT_EXPORT int32_t latent_memory(int32_t frame);
// Returns the kept bytes to the system and starts the peak anew.
LATENT_EXPORT int32_t latent_memory_release(int32_t frame);
// Live bytes above which an allocation is refused; 0 for none.
LATENT_EXPORT int32_t latent_memory_limit(int32_t frame, double bytes);

// --- devices and the process -----------------------------------------------------------------------------------------
// STRING device: waits until its work is done.
LATENT_EXPORT int32_t latent_synchronize(int32_t frame);
// From now on the second SIGINT or SIGTERM ends the process with 128 + signal, even inside a native call.
LATENT_EXPORT int32_t latent_arm_signals(int32_t frame);
// For tests: the next guarded call throws (1 c10::Error, 2 std::exception, 3 something else, 4 bad_alloc).
LATENT_EXPORT void latent_test_throw(int32_t kind);

#ifdef __cplusplus
}
#endif
