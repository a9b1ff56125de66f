// The shim's own test, in C++ and through latent.h alone, so that it runs under AddressSanitizer (asan_slow_test.ts).
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "latent.h"

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::printf("FAILED %s, line %d: %s\n", __func__, __LINE__, #condition);       \
      std::exit(1);                                                                  \
    }                                                                                \
  } while (false)

namespace {

using Shape = std::vector<double>;

// A frame with a cursor: arguments are put, then results are read from the start.
class Items {
 public:
  Items() : index(latent_frame_new()), cells(static_cast<double*>(latent_frame_memory(index))) {
    CHECK(cells != nullptr);
  }
  ~Items() { latent_frame_free(index); }
  Items(const Items&) = delete;
  Items& operator=(const Items&) = delete;

  Items& begin() { return at_ = 0, *this; }
  Items& header(int32_t kind, int32_t count) {
    const int32_t both[] = {kind, count};
    std::memcpy(cells + at_++, both, sizeof both);
    return *this;
  }
  Items& cell(double value) { return cells[at_++] = value, *this; }
  Items& none() { return header(LATENT_NONE, 0); }
  Items& number(double value) { return header(LATENT_NUMBER, 1).cell(value); }
  Items& tensor(double handle) { return header(LATENT_TENSOR, 1).cell(handle); }
  Items& boolean(bool value) { return header(LATENT_BOOL, value); }
  Items& list(int32_t kind, const Shape& values) {
    header(kind, static_cast<int32_t>(values.size()));
    for (const double value : values) cell(value);
    return *this;
  }
  Items& text(const std::string& value) {
    header(LATENT_STRING, static_cast<int32_t>(value.size()));
    std::memcpy(cells + at_, value.data(), value.size());
    at_ += (value.size() + 7) / 8;
    return *this;
  }

  int32_t kind() const { return header_at(0); }
  int32_t count() const { return header_at(1); }
  // The handle or number of the first result.
  double first() const { return cells[1]; }
  // After a failure: its class, and whether its message holds a word.
  int error() const { return static_cast<int>(cells[1]); }
  bool says(const char* word) const {
    int32_t both[2];
    std::memcpy(both, cells + 2, sizeof both);
    const std::string message(reinterpret_cast<const char*>(cells + 3), static_cast<size_t>(both[1]));
    return message.find(word) != std::string::npos;
  }

  const int32_t index;
  double* const cells;

 private:
  int32_t header_at(size_t half) const {
    int32_t both[2];
    std::memcpy(both, cells, sizeof both);
    return both[half];
  }
  size_t at_ = 0;
};

constexpr double float32 = 6;
constexpr double uint8 = 0;

double make(Items& frame, const std::vector<float>& values, const Shape& shape) {
  frame.begin().number(float32).list(LATENT_NUMBERS, shape);
  CHECK(latent_from_bytes(frame.index, values.data(), static_cast<double>(4 * values.size())) == 1);
  CHECK(frame.kind() == LATENT_TENSOR);
  return frame.first();
}

std::vector<float> read(Items& frame, double handle, size_t count) {
  std::vector<float> out(count);
  CHECK(latent_read(frame.index, handle, out.data(), 0, static_cast<double>(4 * count)) == 0);
  return out;
}

int32_t find(Items& frame, const char* name, const char* overload) {
  frame.begin().text(name).text(overload);
  return latent_operator(frame.index);
}

void release(Items& frame, const Shape& handles) {
  std::memcpy(frame.cells, handles.data(), 8 * handles.size());
  CHECK(latent_free(frame.index, static_cast<int32_t>(handles.size())) == 0);
}

void frames_are_separate_and_checked() {
  Items a, b;
  CHECK(a.index != b.index && a.cells != b.cells);
  a.cells[LATENT_FRAME_CELLS - 1] = 1;
  for (const int32_t index : {-1, 1023, 1024, INT32_MAX, INT32_MIN}) {
    CHECK(latent_frame_memory(index) == nullptr);
    CHECK(latent_info(index) == -2);
    latent_frame_free(index);
  }
  int32_t inner = -1;
  std::thread([&] { inner = latent_frame_new(); }).join();
  CHECK(inner >= 0 && latent_frame_memory(inner) == nullptr);  // it died with its thread
}

void operators_take_and_give_items() {
  Items frame;
  const int32_t add = find(frame, "aten::add", "Tensor");
  CHECK(add >= 0 && find(frame, "aten::add", "Tensor") == add);
  const double x = make(frame, {1, 2, 3}, {3});
  frame.begin().tensor(x).tensor(x);
  CHECK(latent_call(frame.index, add, 2) == 1);
  const double sum = frame.first();
  CHECK((read(frame, sum, 3) == std::vector<float>{2, 4, 6}));
  CHECK(latent_meta(frame.index, sum) == 1 && frame.count() == 6 && frame.cells[6] == 3);
  const int32_t unbind = find(frame, "aten::unbind", "int");
  frame.begin().tensor(sum);
  CHECK(latent_call(frame.index, unbind, 1) == 1 && frame.kind() == LATENT_TENSORS && frame.count() == 3);
  release(frame, {frame.cells[1], frame.cells[2], frame.cells[3], x, sum});
  for (int32_t i = 0; latent_schema(frame.index, i) == 1 && frame.kind() != LATENT_NONE; i++) CHECK(i < 100000);
}

void errors_come_by_value() {
  Items frame;
  CHECK(find(frame, "aten::nothing", "") == -1);
  CHECK(frame.error() == LATENT_ERROR_ARGUMENT && frame.says("aten::nothing"));
  const int32_t mul = find(frame, "aten::mul", "Tensor");
  const double x = make(frame, {1, 2}, {2}), y = make(frame, {1, 2, 3}, {3});
  const auto fails = [&](Items& items, int kind, const char* word) {
    return latent_call(items.index, mul, 2) == -1 && items.error() == kind && items.says(word);
  };
  CHECK(fails(frame.begin().tensor(x).tensor(y), LATENT_ERROR_TORCH, "size"));
  CHECK(fails(frame.begin().tensor(x).number(1), LATENT_ERROR_ARGUMENT, "'other'"));
  CHECK(fails(frame.begin().tensor(x).tensor(NAN), LATENT_ERROR_HANDLE, "freed"));
  CHECK(fails(frame.begin().tensor(x).header(77, 0), LATENT_ERROR_ARGUMENT, "'other'"));
  for (const int32_t count : {-1, INT32_MIN, INT32_MAX, LATENT_FRAME_CELLS}) {
    for (const int32_t kind : {LATENT_STRING, LATENT_TENSORS, LATENT_NUMBERS}) {
      CHECK(fails(frame.begin().tensor(x).header(kind, count), LATENT_ERROR_ARGUMENT, ""));
    }
  }
  CHECK(latent_call(frame.index, mul, -1) == -1 && latent_call(frame.index, mul, 1000) == -1);
  CHECK(latent_call(frame.index, -1, 0) == -1 && latent_call(frame.index, INT32_MAX, 0) == -1);
  for (int32_t kind = 1; kind <= 4; kind++) {
    latent_test_throw(kind);
    CHECK(latent_info(frame.index) == -1);
    CHECK(frame.error() == (kind == 4 ? LATENT_ERROR_MEMORY : LATENT_ERROR_TORCH));
  }
  CHECK(latent_info(frame.index) == 1);
  release(frame, {x, y});
}

void handles_are_checked() {
  Items frame;
  const double live = latent_live();
  const double x = make(frame, {5}, {1});
  CHECK(latent_alias(frame.index, x) == 1);
  const double other = frame.first();
  CHECK(other != x && latent_live() == live + 2);
  release(frame, {x});
  for (const double handle : {x, -x, x + 0.5, 0.0, HUGE_VAL, std::nan(""), 1e300, other + 16777216}) {
    CHECK(latent_alias(frame.index, handle) == -1 && frame.error() == LATENT_ERROR_HANDLE);
  }
  frame.cells[0] = x;
  frame.cells[1] = other;
  CHECK(latent_free(frame.index, 2) == -1 && frame.says("1 of 2"));
  CHECK(latent_live() == live);
  CHECK(latent_free(frame.index, -1) == -1 && latent_free(frame.index, LATENT_FRAME_CELLS + 1) == -1);
}

void bytes_stay_within_bounds() {
  Items frame;
  const double x = make(frame, {1, 2, 3, 4}, {4});
  float two[2];
  CHECK(latent_read(frame.index, x, two, 8, 8) == 0 && two[0] == 3 && two[1] == 4);
  const std::pair<double, double> outside[] = {{12, 8}, {-4, 4}, {0, -1}, {0.5, 4}, {0, 1e300}, {17, 0}};
  for (const auto& [offset, bytes] : outside) CHECK(latent_read(frame.index, x, two, offset, bytes) == -1);
  CHECK(latent_read(frame.index, x, nullptr, 0, 8) == -1);
  for (const Shape& shape : {Shape{3}, Shape{-2}, Shape{1e9, 1e9, 1e9}, Shape{0.5}, Shape(70, 1)}) {
    frame.begin().number(float32).list(LATENT_NUMBERS, shape);
    CHECK(latent_from_bytes(frame.index, two, 8) == -1);
  }
  release(frame, {x});
}

void files_are_read_and_mapped() {
  Items frame;
  char folder[] = "/tmp/latent-shim-XXXXXX";
  CHECK(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/floats", pipe = std::string(folder) + "/pipe";
  std::vector<float> values(3000);
  for (size_t i = 0; i < values.size(); i++) values[i] = static_cast<float>(i);
  FILE* file = std::fopen(path.c_str(), "wb");
  CHECK(std::fwrite(values.data(), 4, values.size(), file) == values.size() && std::fclose(file) == 0);
  const auto open = [&](const std::string& name, double offset, const Shape& shape, bool mapped) {
    frame.begin().text(name).number(offset).number(float32).list(LATENT_NUMBERS, shape).boolean(mapped);
    return latent_from_file(frame.index);
  };
  for (const bool mapped : {false, true}) {
    CHECK(open(path, 4 * 1500, {1500}, mapped) == 1);
    const double handle = frame.first();
    CHECK(read(frame, handle, 1500) == std::vector<float>(values.begin() + 1500, values.end()));
    release(frame, {handle});
    CHECK(open(path, 4 * 1500, {1501}, mapped) == -1 && frame.error() == LATENT_ERROR_FILE);
    CHECK(open(path, -4, {1}, mapped) == -1 && open(path, NAN, {1}, mapped) == -1);
  }
  CHECK(open(path + std::string("\0x", 2), 0, {1}, false) == -1 && open(folder, 0, {1}, false) == -1);
  CHECK(mkfifo(pipe.c_str(), 0600) == 0 && open(pipe, 0, {1}, false) == -1 && frame.says("no file"));
  CHECK(std::remove(path.c_str()) == 0 && std::remove(pipe.c_str()) == 0 && rmdir(folder) == 0);
}

void generators_are_values() {
  Items frame;
  const int32_t randn = find(frame, "aten::randn", "generator");
  const auto draw = [&](double generator) {
    frame.begin().list(LATENT_NUMBERS, {20}).header(LATENT_GENERATOR, 1).cell(generator);
    CHECK(latent_call(frame.index, randn, 2) == 1);
    const double handle = frame.first();
    const auto values = read(frame, handle, 20);
    release(frame, {handle});
    return values;
  };
  frame.begin().text("cpu").number(7);
  CHECK(latent_generator(frame.index) == 1);
  const double generator = frame.first();
  CHECK(latent_generator_state(frame.index, generator) == 1);
  const double state = frame.first();
  const auto values = draw(generator);
  CHECK(draw(generator) != values);
  CHECK(latent_generator_set_state(frame.index, generator, state) == 0 && draw(generator) == values);
  CHECK(latent_generator_set_state(frame.index, generator, generator) == -1 && frame.error() == LATENT_ERROR_HANDLE);
  CHECK(latent_generator_state(frame.index, state) == -1);
  frame.begin().text("nowhere").none();
  CHECK(latent_generator(frame.index) == -1);
  release(frame, {generator, state});
}

void gradients_are_accumulated() {
  Items frame;
  const double x = make(frame, {2, 3}, {2});
  const int32_t requires_grad = find(frame, "aten::requires_grad_", "");
  frame.begin().tensor(x).boolean(true);
  CHECK(latent_call(frame.index, requires_grad, 2) == 0);
  const int32_t square = find(frame, "aten::square", "");
  frame.begin().tensor(x);
  CHECK(latent_call(frame.index, square, 1) == 1);
  const double y = frame.first();
  frame.begin().list(LATENT_TENSORS, {y}).list(LATENT_TENSORS, {x});
  frame.boolean(false).boolean(false).list(LATENT_TENSORS, {});
  CHECK(latent_backward(frame.index) == 0);
  CHECK(latent_grad(frame.index, x) == 1);
  const double grad = frame.first();
  CHECK((read(frame, grad, 2) == std::vector<float>{8, 18}));
  frame.begin().list(LATENT_TENSORS, {x}).list(LATENT_TENSORS, {0});
  CHECK(latent_set_grads(frame.index) == 0 && latent_grad(frame.index, x) == 1 && frame.kind() == LATENT_NONE);
  release(frame, {x, y, grad});
}

// Blocks of many sizes from two threads at once, each full of its own number: whatever overlaps is found.
void churn(unsigned seed) {
  Items frame;
  std::mt19937 random(seed);
  struct Block {
    double handle;
    size_t bytes;
    uint8_t fill;
  };
  std::vector<Block> blocks;
  std::vector<uint8_t> buffer(size_t{48} << 20);
  const auto drop = [&](size_t at) {
    const Block block = blocks[at];
    blocks[at] = blocks.back();
    blocks.pop_back();
    std::memset(buffer.data(), block.fill + 1, block.bytes);
    CHECK(latent_read(frame.index, block.handle, buffer.data(), 0, static_cast<double>(block.bytes)) == 0);
    for (size_t i = 0; i < block.bytes; i++) CHECK(buffer[i] == block.fill);
    release(frame, {block.handle});
  };
  for (int i = 0; i < 4000; i++) {
    const size_t largest = i % 100 == 0 ? buffer.size() : i % 10 == 0 ? size_t{1} << 20 : size_t{1} << (random() % 15);
    const size_t bytes = 1 + random() % largest;
    const auto fill = static_cast<uint8_t>(random());
    std::memset(buffer.data(), fill, bytes);
    frame.begin().number(uint8).list(LATENT_NUMBERS, {static_cast<double>(bytes)});
    CHECK(latent_from_bytes(frame.index, buffer.data(), static_cast<double>(bytes)) == 1);
    blocks.push_back({frame.first(), bytes, fill});
    if (random() % 500 == 0) CHECK(latent_memory_release(frame.index) == 0);
    while (blocks.size() > 40 || (bytes > size_t{8} << 20 && blocks.size() > 8)) drop(random() % blocks.size());
  }
  while (!blocks.empty()) drop(blocks.size() - 1);
}

void memory_is_counted_limited_and_never_shared() {
  Items frame;
  enum { live, peak, kept, allocations, limit };
  const auto memory = [&](int which) {
    CHECK(latent_memory(frame.index) == 1 && frame.count() == 5);
    return frame.cells[1 + which];
  };
  const double before = memory(live), made = memory(allocations);
  std::thread other(churn, 1);
  churn(2);
  other.join();
  CHECK(memory(live) == before && memory(allocations) >= made + 8000);
  CHECK(memory(peak) >= memory(live) + 8e6);
  CHECK(latent_memory_release(frame.index) == 0 && memory(peak) == memory(live) && memory(kept) == 0);
  CHECK(latent_memory_limit(frame.index, before + 1e6) == 0 && memory(limit) == before + 1e6);
  const std::vector<float> large(1 << 20);
  frame.begin().number(float32).list(LATENT_NUMBERS, {1 << 20});
  CHECK(latent_from_bytes(frame.index, large.data(), 4 << 20) == -1);
  CHECK(frame.error() == LATENT_ERROR_MEMORY && frame.says("4194304 bytes wanted"));
  for (const double bad : {-1.0, 0.5, std::nan(""), HUGE_VAL}) CHECK(latent_memory_limit(frame.index, bad) == -1);
  CHECK(latent_memory_limit(frame.index, 0) == 0);
  release(frame, {make(frame, large, {1 << 20})});
}

}  // namespace

int main() {
  CHECK(latent_abi() == LATENT_ABI);
  const double live = latent_live();
  frames_are_separate_and_checked();
  operators_take_and_give_items();
  errors_come_by_value();
  handles_are_checked();
  bytes_stay_within_bounds();
  files_are_read_and_mapped();
  generators_are_values();
  gradients_are_accumulated();
  memory_is_counted_limited_and_never_shared();
  CHECK(latent_live() == live);
  std::printf("passed\n");
}
