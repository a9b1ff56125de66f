// What the shim's files share: the guard, frames with their readers and writers, handles.
#pragma once
#include <ATen/ATen.h>

#include <atomic>
#include <cmath>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "latent.h"

namespace latent {

// An error of the shim itself, with its class.
struct Refusal : std::exception {
  Refusal(latent_error kind, std::string text) : kind(kind), text(std::move(text)) {}
  const char* what() const noexcept override { return text.c_str(); }
  latent_error kind;
  std::string text;
};

[[noreturn]] void refuse(std::string text, latent_error kind = LATENT_ERROR_ARGUMENT);

// Uncontended in all but programs with several Workers: it costs 5 ns where a mutex costs 20.
class SpinLock {
 public:
  void lock() {
    while (flag_.test_and_set(std::memory_order_acquire)) {
      while (flag_.test(std::memory_order_relaxed)) std::this_thread::yield();
    }
  }
  void unlock() { flag_.clear(std::memory_order_release); }

 private:
  std::atomic_flag flag_;
};

// --- handles ---------------------------------------------------------------------------------------------------------
double keep(at::Tensor tensor);
double keep(at::Generator generator);
at::Tensor tensor_of(double handle);
at::Generator generator_of(double handle);

// --- frames ----------------------------------------------------------------------------------------------------------
struct Header {
  int32_t kind;
  int32_t count;
};

struct Frame {
  double cells[LATENT_FRAME_CELLS];
  std::vector<c10::IValue> stack;  // kept between calls for its capacity
};

Frame* frame_of(int32_t index);

// Reads items from cell 0 on; every read checks kind, count and the end of the frame.
class Reader {
 public:
  explicit Reader(const Frame& frame) : cells_(frame.cells) {}
  Header next();
  double number();
  int64_t integer();
  bool boolean();
  std::string text();
  std::vector<double> numbers();
  std::vector<int64_t> integers();
  std::vector<at::Tensor> tensors();
  at::ScalarType dtype();
  // The payload of the header just read.
  const double* payload(int64_t cells);

 private:
  Header expect(int32_t kind, const char* wanted);
  const double* cells_;
  int64_t at_ = 0;
};

// Writes items from cell 0 on and counts them.
class Writer {
 public:
  explicit Writer(Frame& frame) : cells_(frame.cells) {}
  void none() { header(LATENT_NONE, 0, 0); }
  void boolean(bool value) { header(LATENT_BOOL, value, 0); }
  void number(double value) { *header(LATENT_NUMBER, 1, 1) = value; }
  void integer(int64_t value);
  void tensor(at::Tensor value);
  void tensors(const std::vector<at::Tensor>& values);
  void generator(at::Generator value) { *header(LATENT_GENERATOR, 1, 1) = keep(std::move(value)); }
  void numbers(const std::vector<double>& values);
  void text(std::string_view value);
  int32_t items() const { return items_; }

 private:
  double* header(int32_t kind, int64_t count, int64_t cells);
  double* cells_;
  int64_t at_ = 0;
  int32_t items_ = 0;
};

// A whole number within ±2^53, or a refusal that names `what`.
inline int64_t whole(double value, const char* what) {
  if (!(std::abs(value) <= 9007199254740992.0) || value != std::trunc(value)) {
    refuse(c10::str(what, ": found ", value, ", wanted a whole number"));
  }
  return static_cast<int64_t>(value);
}

// --- what libtorch does not check itself ------------------------------------------------------------------------------
using Check = void (*)(const std::vector<c10::IValue>& arguments);
// The check that comes before an operator ("aten::add.Tensor"), nullptr for most.
Check check_of(std::string_view name);

// --- the guard -------------------------------------------------------------------------------------------------------
void throw_if_armed();
// Writes the exception being handled into the frame; returns -1.
int32_t report(Frame& frame) noexcept;

// The body of every export that can fail: `body(frame)` returns the status.
template <class Body>
int32_t guarded(int32_t index, Body&& body) {
  Frame* frame = frame_of(index);
  if (frame == nullptr) return -2;  // nowhere to write a message
  try {
    throw_if_armed();
    return body(*frame);
  } catch (...) {
    return report(*frame);
  }
}

}  // namespace latent
