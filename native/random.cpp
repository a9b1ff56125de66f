// libtorch's generators as values.
#include <cstring>
#include <mutex>

#include "internal.h"

namespace latent {
namespace {
at::Generator generator_on(const at::Device& device, std::optional<uint64_t> seed) {
  if (device.is_cpu() && seed) return at::detail::createCPUGenerator(*seed);
  at::Generator generator = at::globalContext().defaultGenerator(device);
  if (!seed) return generator;
  generator = generator.clone();
  generator.set_current_seed(*seed);
  return generator;
}
}  // namespace
}  // namespace latent

extern "C" {

int32_t latent_generator(int32_t index) {
  return latent::guarded(index, [](latent::Frame& frame) {
    latent::Reader in(frame);
    const at::Device device(in.text());
    const latent::Header header = in.next();
    std::optional<uint64_t> seed;
    if (header.kind == LATENT_NUMBER) {
      seed = static_cast<uint64_t>(latent::whole(*in.payload(1), "the seed"));
    } else if (header.kind == LATENT_INT64) {
      uint64_t value = 0;
      std::memcpy(&value, in.payload(1), sizeof value);
      seed = value;
    } else if (header.kind != LATENT_NONE) {
      latent::refuse("a seed is a whole number");
    }
    latent::Writer out(frame);
    out.generator(latent::generator_on(device, seed));
    return out.items();
  });
}

int32_t latent_generator_state(int32_t index, double generator) {
  return latent::guarded(index, [&](latent::Frame& frame) {
    at::Generator found = latent::generator_of(generator);
    const std::lock_guard lock(found.mutex());
    latent::Writer out(frame);
    out.tensor(found.get_state());
    return out.items();
  });
}

int32_t latent_generator_set_state(int32_t index, double generator, double state) {
  return latent::guarded(index, [&](latent::Frame&) {
    at::Generator found = latent::generator_of(generator);
    const std::lock_guard lock(found.mutex());
    found.set_state(latent::tensor_of(state));
    return 0;
  });
}
}
