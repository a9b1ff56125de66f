// The one way to libtorch's operators: items of a frame → IValues → the dispatcher → items.
#include <ATen/core/dispatch/Dispatcher.h>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <sstream>
#include <unordered_map>

#include "internal.h"

namespace latent {

namespace {

enum class Want { tensor, integer, real, boolean, scalar, string, device, generator, tensors, optional_tensors, integers,
                  reals, booleans, scalars, other };

struct Parameter {
  Want want;
  bool optional;
  int32_t repeat;   // int[2] takes one number for both
  int64_t choices;  // of an enumeration such as dtypes, which libtorch itself does not check; else 0
  std::optional<c10::IValue> fallback;
  std::string name;
};

struct Operator {
  c10::OperatorHandle handle;
  std::vector<Parameter> parameters;
  bool in_place;  // the result is an argument that the caller has already
  Check check;    // nullptr for most
};

Want want_of(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType: return Want::tensor;
    case c10::TypeKind::IntType: case c10::TypeKind::SymIntType: return Want::integer;
    case c10::TypeKind::FloatType: case c10::TypeKind::SymFloatType: return Want::real;
    case c10::TypeKind::BoolType: case c10::TypeKind::SymBoolType: return Want::boolean;
    case c10::TypeKind::NumberType: return Want::scalar;
    case c10::TypeKind::StringType: return Want::string;
    case c10::TypeKind::DeviceObjType: return Want::device;
    case c10::TypeKind::GeneratorType: return Want::generator;
    default: return Want::other;
  }
}

Want list_of(const c10::TypePtr& element) {
  if (auto optional = element->cast<c10::OptionalType>()) {
    return want_of(optional->getElementType()) == Want::tensor ? Want::optional_tensors : Want::other;
  }
  switch (want_of(element)) {
    case Want::tensor: return Want::tensors;
    case Want::integer: return Want::integers;
    case Want::real: return Want::reals;
    case Want::boolean: return Want::booleans;
    case Want::scalar: return Want::scalars;
    default: return Want::other;
  }
}

c10::TypePtr without_optional(const c10::TypePtr& type) {
  const auto optional = type->cast<c10::OptionalType>();
  return optional ? optional->getElementType() : type;
}

int64_t choices_of(const c10::Argument& argument) {
  switch (without_optional(argument.real_type())->kind()) {
    case c10::TypeKind::ScalarTypeType: return static_cast<int64_t>(at::ScalarType::Undefined);
    case c10::TypeKind::LayoutType: return 1;  // dense alone: zeros of oneDNN's layout run over their memory
    case c10::TypeKind::MemoryFormatType: return static_cast<int64_t>(at::MemoryFormat::NumOptions);
    default: return 0;
  }
}

Parameter parameter_of(const c10::Argument& argument) {
  const c10::TypePtr type = without_optional(argument.type());
  const auto list = type->cast<c10::ListType>();
  return {list ? list_of(list->getElementType()) : want_of(type), type != argument.type(), argument.N().value_or(0),
          choices_of(argument), argument.default_value(), argument.name()};
}

bool writes_an_argument(const c10::FunctionSchema& schema) {
  const auto& returns = schema.returns();
  return returns.size() == 1 && returns[0].alias_info() != nullptr && returns[0].alias_info()->isWrite();
}

// --- items → IValues -------------------------------------------------------------------------------------------------
[[noreturn]] void refuse_kind(const Parameter& parameter, int32_t found) {
  static const char* const kinds[] = {"nothing", "a tensor", "a number", "a boolean", "a string", "tensors", "numbers",
                                      "a generator", "an integer", "the default"};
  static const char* const wants[] = {"a tensor", "an integer", "a number", "a boolean", "a number", "a string", "a device",
                                      "a generator", "tensors", "tensors", "integers", "numbers", "booleans", "numbers",
                                      "something that this boundary cannot pass"};
  const char* name = found >= 0 && found <= LATENT_DEFAULT ? kinds[found] : "an unknown kind of item";
  refuse("argument '" + parameter.name + "': found " + name + ", wanted " + wants[static_cast<int>(parameter.want)] +
         (parameter.optional ? " or nothing" : ""));
}

int64_t chosen(int64_t value, const Parameter& parameter) {
  if (parameter.choices > 0 && (value < 0 || value >= parameter.choices)) {
    refuse(c10::str("argument '", parameter.name, "': found ", value, ", wanted 0 to ", parameter.choices - 1));
  }
  return value;
}

int64_t whole_argument(double value, const Parameter& parameter) {
  return chosen(whole(value, parameter.name.c_str()), parameter);
}

// A whole number is an integer scalar, so that integer tensors keep their dtype; -0 stays a float.
at::Scalar scalar_of(double value) {
  const bool integral = std::abs(value) <= 9007199254740992.0 && value == std::trunc(value) && (value != 0 || !std::signbit(value));
  return integral ? at::Scalar(static_cast<int64_t>(value)) : at::Scalar(value);
}

c10::IValue from_number(double value, const Parameter& parameter) {
  switch (parameter.want) {
    case Want::integer: return whole_argument(value, parameter);
    case Want::real: return value;
    case Want::scalar: return scalar_of(value);
    case Want::boolean: if (value == 0 || value == 1) return value != 0; break;
    case Want::integers:
      return std::vector<int64_t>(static_cast<size_t>(std::max(parameter.repeat, 1)), whole_argument(value, parameter));
    case Want::reals: return std::vector<double>(static_cast<size_t>(std::max(parameter.repeat, 1)), value);
    default: break;
  }
  refuse_kind(parameter, LATENT_NUMBER);
}

c10::IValue from_numbers(const double* values, int32_t count, const Parameter& parameter) {
  switch (parameter.want) {
    case Want::integers: {
      std::vector<int64_t> out(static_cast<size_t>(count));
      for (size_t i = 0; i < out.size(); i++) out[i] = whole_argument(values[i], parameter);
      return out;
    }
    case Want::reals: return std::vector<double>(values, values + count);
    case Want::booleans: {
      c10::List<bool> out;
      for (int32_t i = 0; i < count; i++) out.push_back(values[i] != 0);
      return out;
    }
    case Want::scalars: {
      c10::impl::GenericList out(c10::NumberType::get());
      for (int32_t i = 0; i < count; i++) out.push_back(scalar_of(values[i]));
      return out;
    }
    case Want::tensors: if (count == 0) return std::vector<at::Tensor>(); break;
    default: break;
  }
  refuse_kind(parameter, LATENT_NUMBERS);
}

c10::IValue from_tensors(const double* handles, int32_t count, const Parameter& parameter) {
  if (parameter.want == Want::tensors) {
    std::vector<at::Tensor> out;
    out.reserve(static_cast<size_t>(count));
    for (int32_t i = 0; i < count; i++) out.push_back(tensor_of(handles[i]));
    return out;
  }
  if (parameter.want != Want::optional_tensors) refuse_kind(parameter, LATENT_TENSORS);
  c10::List<std::optional<at::Tensor>> out;
  for (int32_t i = 0; i < count; i++) {
    out.push_back(handles[i] == 0 ? std::nullopt : std::optional<at::Tensor>(tensor_of(handles[i])));
  }
  return out;
}

c10::IValue from_text(std::string text, const Parameter& parameter) {
  if (parameter.want == Want::string) return text;
  if (parameter.want == Want::device) return c10::Device(text);
  refuse_kind(parameter, LATENT_STRING);
}

c10::IValue read_argument(Reader& in, const Parameter& parameter) {
  const Header header = in.next();
  switch (header.kind) {
    case LATENT_NONE:
      if (!parameter.optional) refuse_kind(parameter, header.kind);
      return {};
    case LATENT_TENSOR: {
      const double handle = *in.payload(1);
      if (parameter.want != Want::tensor && parameter.want != Want::scalar) refuse_kind(parameter, header.kind);
      if (parameter.want == Want::scalar) return tensor_of(handle).item();
      return tensor_of(handle);
    }
    case LATENT_NUMBER: return from_number(*in.payload(1), parameter);
    case LATENT_BOOL:
      if (parameter.want == Want::boolean) return header.count != 0;
      if (parameter.want == Want::scalar) return at::Scalar(header.count != 0);
      refuse_kind(parameter, header.kind);
    case LATENT_STRING: {
      const double* bytes = in.payload((static_cast<int64_t>(header.count) + 7) / 8);
      return from_text(std::string(reinterpret_cast<const char*>(bytes), static_cast<size_t>(header.count)), parameter);
    }
    case LATENT_TENSORS: return from_tensors(in.payload(header.count), header.count, parameter);
    case LATENT_NUMBERS: return from_numbers(in.payload(header.count), header.count, parameter);
    case LATENT_GENERATOR:
      if (parameter.want != Want::generator) refuse_kind(parameter, header.kind);
      return generator_of(*in.payload(1));
    case LATENT_INT64: {
      int64_t value = 0;
      std::memcpy(&value, in.payload(1), sizeof value);
      if (parameter.want == Want::integer) return chosen(value, parameter);
      if (parameter.want == Want::scalar) return at::Scalar(value);
      refuse_kind(parameter, header.kind);
    }
    case LATENT_DEFAULT:
      if (!parameter.fallback) refuse("argument '" + parameter.name + "' has no default");
      return *parameter.fallback;
    default: refuse_kind(parameter, header.kind);
  }
}

// --- IValues → items -------------------------------------------------------------------------------------------------
void write_result(Writer& out, c10::IValue&& value) {
  if (value.isTensor()) return out.tensor(std::move(value).toTensor());
  if (value.isNone()) return out.none();
  if (value.isTensorList()) return out.tensors(value.toTensorVector());
  if (value.isBool()) return out.boolean(value.toBool());
  if (value.isInt()) return out.integer(value.toInt());
  if (value.isDouble()) return out.number(value.toDouble());
  if (value.isString()) return out.text(value.toStringRef());
  if (value.isDevice()) return out.text(value.toDevice().str());
  if (value.isGenerator()) return out.generator(value.toGenerator());
  if (value.isIntList()) {
    const auto list = value.toIntVector();
    return out.numbers({list.begin(), list.end()});
  }
  if (value.isDoubleList()) return out.numbers(value.toDoubleVector());
  refuse("a result of kind " + value.tagKind() + " cannot pass this boundary");
}

// --- the table of operators in use -----------------------------------------------------------------------------------
struct Operators {
  static constexpr size_t most = 8192;  // more than libtorch has
  std::mutex lock;
  std::array<std::atomic<const Operator*>, most> list{};  // read without the lock; entries stay for good
  std::unordered_map<std::string, int32_t> numbers;
};

Operators& operators() {
  static Operators* const the = new Operators();
  return *the;
}

const Operator& operator_at(int32_t number) {
  const auto index = static_cast<size_t>(number);
  const Operator* found = number >= 0 && index < Operators::most ? operators().list[index].load(std::memory_order_acquire) : nullptr;
  if (found == nullptr) refuse("operator number " + std::to_string(number) + " is unknown");
  return *found;
}

int32_t find_operator(const std::string& name, const std::string& overload) {
  Operators& all = operators();
  const std::lock_guard lock(all.lock);
  const std::string full = overload.empty() ? name : name + "." + overload;
  if (const auto known = all.numbers.find(full); known != all.numbers.end()) return known->second;
  auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!handle) refuse("libtorch has no operator " + full);
  auto made = std::make_unique<Operator>(Operator{*handle, {}, writes_an_argument(handle->schema()), check_of(full)});
  for (const c10::Argument& argument : handle->schema().arguments()) made->parameters.push_back(parameter_of(argument));
  const size_t number = all.numbers.size();
  if (number == Operators::most) refuse("too many operators are in use");
  all.numbers.emplace(full, static_cast<int32_t>(number));
  all.list[number].store(made.release(), std::memory_order_release);
  return static_cast<int32_t>(number);
}

// Boxed kernels leave arguments on the stack when they throw; the frame's stack must not carry them on.
struct ClearOnExit {
  std::vector<c10::IValue>& stack;
  ~ClearOnExit() { stack.clear(); }
};

int32_t call(Frame& frame, const Operator& op, int32_t items) {
  const auto given = static_cast<size_t>(items);
  if (items < 0 || given > op.parameters.size()) {
    refuse("found " + std::to_string(items) + " arguments, wanted at most " + std::to_string(op.parameters.size()));
  }
  auto& stack = frame.stack;
  const ClearOnExit clear{stack};
  Reader in(frame);
  for (size_t i = 0; i < given; i++) stack.push_back(read_argument(in, op.parameters[i]));
  for (size_t i = given; i < op.parameters.size(); i++) {
    const Parameter& parameter = op.parameters[i];
    if (!parameter.fallback) refuse("argument '" + parameter.name + "' is missing");
    stack.push_back(*parameter.fallback);
  }
  if (op.check != nullptr) op.check(stack);
  op.handle.callBoxed(&stack);
  if (op.in_place) return 0;
  Writer out(frame);
  for (c10::IValue& value : stack) write_result(out, std::move(value));
  return out.items();
}

}  // namespace
}  // namespace latent

extern "C" {

int32_t latent_operator(int32_t index) {
  return latent::guarded(index, [](latent::Frame& frame) {
    latent::Reader in(frame);
    const std::string name = in.text();
    return latent::find_operator(name, in.text());
  });
}

int32_t latent_call(int32_t index, int32_t op, int32_t items) {
  return latent::guarded(index, [&](latent::Frame& frame) { return latent::call(frame, latent::operator_at(op), items); });
}

int32_t latent_schema(int32_t index, int32_t which) {
  return latent::guarded(index, [&](latent::Frame& frame) {
    static const auto* const names =
        new std::vector<c10::OperatorName>(c10::Dispatcher::singleton().getAllOpNames());
    latent::Writer out(frame);
    const auto found = which >= 0 && static_cast<size_t>(which) < names->size()
                           ? c10::Dispatcher::singleton().findSchema((*names)[static_cast<size_t>(which)])
                           : std::nullopt;
    if (which < 0 || static_cast<size_t>(which) >= names->size()) {
      out.none();
    } else if (!found) {
      out.text("");
    } else {
      std::ostringstream text;
      text << found->schema();
      out.text(text.str());
    }
    return out.items();
  });
}
}
