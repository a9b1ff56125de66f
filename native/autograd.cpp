// Backward passes and gradients.
#include <torch/csrc/autograd/autograd.h>

#include "internal.h"

namespace latent {
namespace {

// libtorch wants one gradient a root, undefined for "ones", or none at all.
std::vector<at::Tensor> gradients_for(Reader& in, size_t roots) {
  std::vector<at::Tensor> out = in.tensors();
  if (!out.empty() && out.size() != roots) {
    refuse("found " + std::to_string(out.size()) + " gradients for " + std::to_string(roots) + " roots");
  }
  return out;
}

void want_defined(const std::vector<at::Tensor>& tensors, const char* what) {
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.defined()) refuse(std::string("a missing tensor among the ") + what);
  }
}

}  // namespace
}  // namespace latent

extern "C" {

int32_t latent_backward(int32_t index) {
  return latent::guarded(index, [](latent::Frame& frame) {
    latent::Reader in(frame);
    const auto roots = in.tensors();
    latent::want_defined(roots, "roots");
    if (roots.empty()) latent::refuse("no root to go backward from");
    const auto gradients = latent::gradients_for(in, roots.size());
    const bool retain = in.boolean();
    const bool create = in.boolean();
    const auto inputs = in.tensors();
    latent::want_defined(inputs, "inputs");
    torch::autograd::backward(roots, gradients, retain || create, create, inputs);
    return 0;
  });
}

int32_t latent_gradients(int32_t index) {
  return latent::guarded(index, [](latent::Frame& frame) {
    latent::Reader in(frame);
    const auto outputs = in.tensors();
    const auto inputs = in.tensors();
    latent::want_defined(outputs, "outputs");
    latent::want_defined(inputs, "inputs");
    if (outputs.empty() || inputs.empty()) latent::refuse("gradients need an output and an input");
    const auto gradients = latent::gradients_for(in, outputs.size());
    const bool retain = in.boolean();
    const bool create = in.boolean();
    const bool unused = in.boolean();
    const auto found = torch::autograd::grad(outputs, inputs, gradients, retain || create, create, unused);
    latent::Writer out(frame);
    out.tensors(found);
    return out.items();
  });
}

int32_t latent_grad(int32_t index, double tensor) {
  return latent::guarded(index, [&](latent::Frame& frame) {
    latent::Writer out(frame);
    out.tensor(latent::tensor_of(tensor).grad());
    return out.items();
  });
}

int32_t latent_grads(int32_t index) {
  return latent::guarded(index, [](latent::Frame& frame) {
    latent::Reader in(frame);
    const auto leaves = in.tensors();
    latent::want_defined(leaves, "leaves");
    std::vector<at::Tensor> found;
    for (const at::Tensor& leaf : leaves) found.push_back(leaf.grad());
    latent::Writer out(frame);
    out.tensors(found);
    return out.items();
  });
}

int32_t latent_set_grads(int32_t index) {
  return latent::guarded(index, [](latent::Frame& frame) {
    latent::Reader in(frame);
    const auto leaves = in.tensors();
    latent::want_defined(leaves, "leaves");
    const auto gradients = in.tensors();
    if (gradients.size() != leaves.size()) latent::refuse("as many gradients as leaves are wanted");
    for (size_t i = 0; i < leaves.size(); i++) {
      const at::Tensor& gradient = gradients[i];
      if (gradient.defined() && (gradient.sizes() != leaves[i].sizes() || gradient.scalar_type() != leaves[i].scalar_type() ||
                                 gradient.device() != leaves[i].device())) {
        latent::refuse("a gradient has another shape, dtype or device than its tensor");
      }
    }
    for (size_t i = 0; i < leaves.size(); i++) leaves[i].mutable_grad() = gradients[i];
    return 0;
  });
}
}
