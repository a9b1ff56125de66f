// What libtorch does not check itself: without these, operators of ffi/operators.txt crash, or run on without end, on
// arguments that are wrong. Found by test/ffi/fuzz.ts, which keeps it so.
#include <algorithm>
#include <array>

#include "internal.h"

namespace latent {
namespace {

using Arguments = std::vector<c10::IValue>;

// All views of a list are made before anyone can count them; more than a frame holds cannot be given back.
void want_few(int64_t results) {
  if (results >= LATENT_FRAME_CELLS) {
    refuse("found " + std::to_string(results) + " results, wanted fewer than " + std::to_string(LATENT_FRAME_CELLS));
  }
}

void check_chunk(const Arguments& in) {
  const int64_t size = in[0].toTensor().size(in[2].toInt());
  want_few(size == 0 ? in[1].toInt() : std::min(size, in[1].toInt()));
}

void check_split(const Arguments& in) {
  const int64_t each = in[1].toInt();
  if (each > 0) want_few(in[0].toTensor().size(in[2].toInt()) / each);
}

void check_unbind(const Arguments& in) { want_few(in[0].toTensor().size(in[1].toInt())); }

// The search for the nearest float to a bound never ends at the ends of int64.
void want_bound(const c10::IValue& bound) {
  constexpr int64_t largest = int64_t{1} << 53;
  if (bound.isInt() && (bound.toInt() < -largest || bound.toInt() > largest)) {
    refuse("a bound: found " + std::to_string(bound.toInt()) + ", wanted one within ±2^53");
  }
}

void check_random(const Arguments& in) {
  want_bound(in[1]);
  want_bound(in[2]);
}

void check_randint(const Arguments& in) {
  want_bound(in[0]);
  want_bound(in[1]);
}

// With a scale that promises fewer rows than are wanted, the last windows start behind the image.
void check_antialiased(const Arguments& in) {
  const at::Tensor image = in[0].toTensor();
  const auto size = in[1].toIntVector();
  if (image.dim() != 4 || size.size() != 2 || in[2].toBool()) return;
  for (size_t i = 0; i < 2; i++) {
    const c10::IValue& scale = in[3 + i];
    if (!scale.isDouble() || !(scale.toDouble() > 0)) continue;  // libtorch takes the sizes then
    const auto wanted = static_cast<double>(size[i]);
    const double promised = static_cast<double>(image.size(2 + static_cast<int64_t>(i))) * scale.toDouble();
    if (wanted >= promised + 0.5) {
      refuse(c10::str("scale ", scale.toDouble(), " gives ", promised, " rows or columns, wanted were ", wanted));
    }
  }
}

// Grouped queries are counted by the heads of keys and values.
void check_attention(const Arguments& in) {
  if (!in[7].toBool()) return;
  for (const size_t which : {1, 2}) {
    const at::Tensor heads = in[which].toTensor();
    if (heads.dim() < 3 || heads.size(-3) == 0) refuse("enable_gqa: keys and values without heads");
  }
}

bool laid_out_alike(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type() || a.device() != b.device()) return false;
  if (a.layout() != at::kStrided || b.layout() != at::kStrided) return false;
  for (int64_t i = 0; i < a.dim(); i++) {
    if (a.size(i) > 1 && a.stride(i) != b.stride(i)) return false;
  }
  return a.is_non_overlapping_and_dense() && b.is_non_overlapping_and_dense();
}

bool holds_one_float(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kFloat && tensor.numel() == 1 && tensor.layout() == at::kStrided;
}

// The kernel walks the memory of all lists by the sizes of the first.
void check_adam(const Arguments& in) {
  static constexpr std::array names{"parameters",  "gradients",       "exp_avgs",
                                    "exp_avg_sqs", "max_exp_avg_sqs", "state_steps"};
  const auto parameters = in[0].toTensorVector();
  for (size_t list = 1; list < names.size(); list++) {
    const auto tensors = in[list].toTensorVector();
    const std::string name = names[list];
    if (name == "max_exp_avg_sqs" && tensors.empty()) continue;  // libtorch knows whether it wants them
    if (tensors.size() != parameters.size()) {
      refuse("found " + std::to_string(tensors.size()) + " " + name + ", wanted " + std::to_string(parameters.size()));
    }
    for (size_t i = 0; i < tensors.size(); i++) {
      if (name == "state_steps" ? holds_one_float(tensors[i]) : laid_out_alike(parameters[i], tensors[i])) continue;
      refuse("number " + std::to_string(i) + " of the " + name + ": wanted " +
             (name == "state_steps" ? "one float32" : "the parameter's shape, dtype, device and strides, without gaps"));
    }
  }
  for (const size_t single : {13, 14}) {
    const c10::IValue& scale = in[single];
    if (scale.isTensor() && !holds_one_float(scale.toTensor())) refuse("grad_scale and found_inf are one float32");
  }
}

constexpr std::array<std::pair<std::string_view, Check>, 10> checks{{
    {"aten::chunk", check_chunk},
    {"aten::split.Tensor", check_split},
    {"aten::unbind.int", check_unbind},
    {"aten::random_.from", check_random},
    {"aten::randint.low_generator", check_randint},
    {"aten::_upsample_bilinear2d_aa", check_antialiased},
    {"aten::_upsample_bicubic2d_aa", check_antialiased},
    {"aten::scaled_dot_product_attention", check_attention},
    {"aten::_fused_adam_", check_adam},
    {"aten::_fused_adamw_", check_adam},
}};

}  // namespace

Check check_of(std::string_view name) {
  const auto found = std::find_if(checks.begin(), checks.end(), [&](const auto& row) { return row.first == name; });
  return found == checks.end() ? nullptr : found->second;
}

}  // namespace latent
