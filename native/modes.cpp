// Modes of the calling thread, and the settings of the process that change results or speed.
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <c10/core/InferenceMode.h>

#include "internal.h"

namespace latent {
namespace {
thread_local std::optional<c10::InferenceMode> inference;

int32_t set_grad(bool on) {
  const bool before = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(on);
  return before;
}

int32_t set_inference(bool on) {
  const bool before = c10::InferenceMode::is_enabled();
  if (on && !before) inference.emplace(true);
  if (!on) inference.reset();
  return before;
}

at::DeviceType device_type_of(const std::string& text) { return c10::Device(text).type(); }
}  // namespace
}  // namespace latent

extern "C" {

int32_t latent_mode(int32_t index, int32_t mode, int32_t value) {
  return latent::guarded(index, [&](latent::Frame&) {
    if (value != 0 && value != 1) latent::refuse("a mode is 0 or 1");
    if (mode == 0) return latent::set_grad(value == 1);
    if (mode == 1) return latent::set_inference(value == 1);
    latent::refuse("mode number " + std::to_string(mode) + " is unknown");
  });
}

int32_t latent_autocast(int32_t index) {
  return latent::guarded(index, [](latent::Frame& frame) {
    latent::Reader in(frame);
    const auto device = latent::device_type_of(in.text());
    const bool was_on = at::autocast::is_autocast_enabled(device);
    const auto was = at::autocast::get_autocast_dtype(device);
    latent::Reader peek = in;
    const bool on = peek.next().kind != LATENT_NONE;
    if (on) {
      const auto dtype = in.dtype();
      if (dtype != at::kBFloat16 && dtype != at::kHalf) latent::refuse("autocast is to bfloat16 or float16");
      if (was_on && dtype != was) at::autocast::clear_cache();  // it is kept by weight, not by dtype
      at::autocast::set_autocast_dtype(device, dtype);
      if (!was_on) at::autocast::increment_nesting();
    } else if (was_on && at::autocast::decrement_nesting() == 0) {
      at::autocast::clear_cache();  // casted weights must not outlive the step
    }
    at::autocast::set_autocast_enabled(device, on);
    latent::Writer out(frame);
    if (was_on) {
      out.number(static_cast<double>(was));
    } else {
      out.none();
    }
    return out.items();
  });
}

int32_t latent_threads(int32_t index, int32_t count) {
  return latent::guarded(index, [&](latent::Frame&) {
    // OpenMP ends the process when it gets no more threads.
    if (count < 0 || count > 1024) latent::refuse("threads: found " + std::to_string(count) + ", wanted 1 to 1024");
    if (count > 0) at::set_num_threads(count);
    return at::get_num_threads();
  });
}

int32_t latent_deterministic(int32_t index, int32_t on) {
  return latent::guarded(index, [&](latent::Frame&) {
    auto& context = at::globalContext();
    context.setDeterministicAlgorithms(on != 0, false);
    context.setDeterministicFillUninitializedMemory(false);
    context.setBenchmarkCuDNN(on == 0);
    return 0;
  });
}

int32_t latent_tf32(int32_t index, int32_t on) {
  return latent::guarded(index, [&](latent::Frame&) {
    at::globalContext().setAllowTF32CuBLAS(on != 0);
    at::globalContext().setAllowTF32CuDNN(on != 0);
    return 0;
  });
}
}
