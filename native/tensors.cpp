// Bytes in and out of tensors, and what a tensor is.
#include <cstring>

#include "internal.h"

namespace latent {

// The bytes that a shape takes; refuses negative sizes and products beyond 2^53.
double bytes_of(const std::vector<int64_t>& shape, at::ScalarType dtype) {
  double bytes = static_cast<double>(c10::elementSize(dtype));
  for (const int64_t size : shape) {
    if (size < 0) refuse("a shape with the negative size " + std::to_string(size));
    bytes *= static_cast<double>(size);
  }
  if (shape.size() > 64 || !(bytes <= 9007199254740992.0)) refuse("a shape beyond all memory", LATENT_ERROR_MEMORY);
  return bytes;
}

}  // namespace latent

extern "C" {

int32_t latent_meta(int32_t index, double tensor) {
  return latent::guarded(index, [&](latent::Frame& frame) {
    const at::Tensor found = latent::tensor_of(tensor);
    std::vector<double> out{static_cast<double>(found.scalar_type()), static_cast<double>(found.device().type()),
                            static_cast<double>(found.device().index()), found.requires_grad() ? 1.0 : 0.0,
                            found.is_leaf() ? 1.0 : 0.0};
    for (const int64_t size : found.sizes()) out.push_back(static_cast<double>(size));
    latent::Writer writer(frame);
    writer.numbers(out);
    return writer.items();
  });
}

int32_t latent_from_bytes(int32_t index, const void* data, double bytes) {
  return latent::guarded(index, [&](latent::Frame& frame) {
    latent::Reader in(frame);
    const auto dtype = in.dtype();
    const auto shape = in.integers();
    if (latent::bytes_of(shape, dtype) != bytes) latent::refuse("the data have another length than shape and dtype ask for");
    if (bytes > 0 && data == nullptr) latent::refuse("no data");
    at::Tensor made = at::empty(shape, at::TensorOptions().dtype(dtype));
    if (bytes > 0) std::memcpy(made.mutable_data_ptr(), data, static_cast<size_t>(bytes));
    latent::Writer out(frame);
    out.tensor(std::move(made));
    return out.items();
  });
}

int32_t latent_read(int32_t index, double tensor, void* data, double offset, double bytes) {
  return latent::guarded(index, [&](latent::Frame&) {
    const at::Tensor found = latent::tensor_of(tensor);
    if (!found.device().is_cpu() || !found.is_contiguous()) latent::refuse("bytes are read from contiguous CPU tensors");
    const auto start = static_cast<size_t>(found.storage_offset()) * found.itemsize();
    if (found.nbytes() > 0 && start + found.nbytes() > found.storage().nbytes()) latent::refuse("a tensor beyond its storage");
    const auto from = static_cast<size_t>(latent::whole(offset, "the offset"));
    const auto count = static_cast<size_t>(latent::whole(bytes, "the count of bytes"));
    if (offset < 0 || bytes < 0 || from > found.nbytes() || count > found.nbytes() - from) {
      latent::refuse("the bytes asked for lie outside the tensor");
    }
    if (count > 0 && data == nullptr) latent::refuse("no place for the data");
    if (count > 0) std::memcpy(data, static_cast<const char*>(found.const_data_ptr()) + from, count);
    return 0;
  });
}
}
