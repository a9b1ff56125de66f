// Frames: the argument buffers, and the packed items in them.
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>

#include "internal.h"

namespace latent {

namespace {
constexpr int32_t max_frames = 1024;
std::mutex frames_lock;
std::array<std::atomic<Frame*>, max_frames> frames{};

// A frame dies with the thread that made it, since a Worker that is terminated cannot free its own.
struct Owned {
  std::vector<int32_t> indices;
  ~Owned() {
    while (!indices.empty()) latent_frame_free(indices.back());
  }
};
thread_local Owned owned;
}  // namespace

Frame* frame_of(int32_t index) {
  if (index < 0 || index >= max_frames) return nullptr;
  return frames[static_cast<size_t>(index)].load(std::memory_order_acquire);
}

// --- Reader ----------------------------------------------------------------------------------------------------------
Header Reader::next() {
  if (at_ >= LATENT_FRAME_CELLS) refuse("the items run past the end of the frame");
  Header header;
  std::memcpy(&header, cells_ + at_, sizeof header);
  at_ += 1;
  if (header.count < 0) refuse("an item with a negative count");
  return header;
}

const double* Reader::payload(int64_t cells) {
  if (cells < 0 || at_ + cells > LATENT_FRAME_CELLS) refuse("an item runs past the end of the frame");
  const double* start = cells_ + at_;
  at_ += cells;
  return start;
}

Header Reader::expect(int32_t kind, const char* wanted) {
  const Header header = next();
  if (header.kind != kind) refuse("an item of kind " + std::to_string(header.kind) + " where " + wanted + " is wanted");
  return header;
}

double Reader::number() {
  expect(LATENT_NUMBER, "a number");
  return *payload(1);
}

int64_t Reader::integer() { return whole(number(), "an item"); }

bool Reader::boolean() { return expect(LATENT_BOOL, "a boolean").count != 0; }

std::string Reader::text() {
  const Header header = expect(LATENT_STRING, "a string");
  const double* start = payload((static_cast<int64_t>(header.count) + 7) / 8);
  return std::string(reinterpret_cast<const char*>(start), static_cast<size_t>(header.count));
}

std::vector<double> Reader::numbers() {
  const Header header = expect(LATENT_NUMBERS, "numbers");
  const double* start = payload(header.count);
  return {start, start + header.count};
}

std::vector<int64_t> Reader::integers() {
  std::vector<int64_t> out;
  for (const double value : numbers()) out.push_back(whole(value, "an item"));
  return out;
}

std::vector<at::Tensor> Reader::tensors() {
  const Header header = expect(LATENT_TENSORS, "tensors");
  const double* start = payload(header.count);
  std::vector<at::Tensor> out;
  out.reserve(static_cast<size_t>(header.count));
  for (int32_t i = 0; i < header.count; i++) out.push_back(start[i] == 0 ? at::Tensor() : tensor_of(start[i]));
  return out;
}

at::ScalarType Reader::dtype() {
  const int64_t value = integer();
  if (value < 0 || value >= static_cast<int64_t>(at::ScalarType::Undefined)) {
    refuse("dtype number " + std::to_string(value) + " is unknown");
  }
  return static_cast<at::ScalarType>(value);
}

// --- Writer ----------------------------------------------------------------------------------------------------------
double* Writer::header(int32_t kind, int64_t count, int64_t cells) {
  if (at_ + 1 + cells > LATENT_FRAME_CELLS) refuse("the results do not fit the frame");
  const Header header{kind, static_cast<int32_t>(count)};
  std::memcpy(cells_ + at_, &header, sizeof header);
  double* start = cells_ + at_ + 1;
  at_ += 1 + cells;
  items_ += 1;
  return start;
}

void Writer::integer(int64_t value) {
  if (std::abs(static_cast<double>(value)) <= 9007199254740992.0) return number(static_cast<double>(value));
  std::memcpy(header(LATENT_INT64, 1, 1), &value, sizeof value);
}

void Writer::tensor(at::Tensor value) {
  if (!value.defined()) return none();
  double* cell = header(LATENT_TENSOR, 1, 1);
  *cell = keep(std::move(value));
}

void Writer::tensors(const std::vector<at::Tensor>& values) {
  double* start = header(LATENT_TENSORS, static_cast<int64_t>(values.size()), static_cast<int64_t>(values.size()));
  for (const at::Tensor& value : values) *start++ = value.defined() ? keep(value) : 0;
}

void Writer::numbers(const std::vector<double>& values) {
  double* start = header(LATENT_NUMBERS, static_cast<int64_t>(values.size()), static_cast<int64_t>(values.size()));
  for (const double value : values) *start++ = value;
}

void Writer::text(std::string_view value) {
  const auto bytes = static_cast<int64_t>(value.size());
  std::memcpy(header(LATENT_STRING, bytes, (bytes + 7) / 8), value.data(), value.size());
}

}  // namespace latent

using latent::Frame;

extern "C" {

int32_t latent_frame_new(void) {
  const std::lock_guard lock(latent::frames_lock);
  for (size_t i = 0; i < latent::frames.size(); i++) {
    if (latent::frames[i].load() != nullptr) continue;
    const auto index = static_cast<int32_t>(i);
    try {
      auto frame = std::unique_ptr<Frame>(new Frame);  // not Frame(): that would touch all its pages
      latent::owned.indices.push_back(index);
      latent::frames[i].store(frame.release(), std::memory_order_release);
    } catch (const std::bad_alloc&) {
      return -1;
    }
    return index;
  }
  return -1;
}

void latent_frame_free(int32_t frame) {
  const std::lock_guard lock(latent::frames_lock);
  std::erase(latent::owned.indices, frame);
  if (latent::frame_of(frame) != nullptr) delete latent::frames[static_cast<size_t>(frame)].exchange(nullptr);
}

void* latent_frame_memory(int32_t frame) {
  Frame* found = latent::frame_of(frame);
  return found == nullptr ? nullptr : found->cells;
}
}
