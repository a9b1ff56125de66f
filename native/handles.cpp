// Handles: slot and generation in one double. A slot whose generations are used up is never used again, so that a
// stale handle is always detected. Slots live in chunks that never move; all isolates share the table, under a lock.
#include <array>
#include <atomic>
#include <memory>
#include <mutex>

#include "internal.h"

namespace latent {

namespace {
constexpr int64_t slot_bits = 24;
constexpr int64_t max_slots = int64_t{1} << slot_bits;
constexpr int64_t max_generation = (int64_t{1} << (53 - slot_bits)) - 1;
constexpr int64_t chunk_slots = 4096;

struct Slot {
  int64_t generation = 1;
  at::Tensor tensor;
  at::Generator generator;
  bool used = false;
};

struct Table {
  SpinLock lock;
  std::array<std::unique_ptr<Slot[]>, max_slots / chunk_slots> chunks;
  std::vector<int32_t> free;
  int64_t made = 0;  // slots ever used
  int64_t live = 0;

  Slot& at(int64_t slot) { return chunks[static_cast<size_t>(slot / chunk_slots)][static_cast<size_t>(slot % chunk_slots)]; }

  int64_t take() {
    if (!free.empty()) {
      const int32_t slot = free.back();
      free.pop_back();
      return slot;
    }
    if (made == max_slots) refuse("16,777,216 tensors are alive: something is not freed", LATENT_ERROR_MEMORY);
    auto& chunk = chunks[static_cast<size_t>(made / chunk_slots)];
    if (!chunk) chunk = std::make_unique<Slot[]>(static_cast<size_t>(chunk_slots));
    return made++;
  }

  Slot* find(double handle) {
    if (!(handle >= 1 && handle <= 9007199254740991.0)) return nullptr;
    const auto bits = static_cast<int64_t>(handle);
    const int64_t slot = bits & (max_slots - 1);
    if (static_cast<double>(bits) != handle || slot >= made) return nullptr;
    Slot& found = at(slot);
    return found.used && found.generation == (bits >> slot_bits) ? &found : nullptr;
  }
};

Table& table() {
  static Table* const the = new Table();  // never destroyed: handles may outlive static destruction
  return *the;
}

template <class Fill>
double keep_in(Fill&& fill) {
  Table& t = table();
  const std::lock_guard lock(t.lock);
  const int64_t slot = t.take();
  Slot& s = t.at(slot);
  fill(s);
  s.used = true;
  t.live += 1;
  return static_cast<double>((s.generation << slot_bits) | slot);
}

[[noreturn]] void refuse_handle(const char* wanted) {
  refuse(std::string("this ") + wanted + " was freed already, or never was", LATENT_ERROR_HANDLE);
}
}  // namespace

double keep(at::Tensor tensor) {
  return keep_in([&](Slot& s) { s.tensor = std::move(tensor); });
}

double keep(at::Generator generator) {
  return keep_in([&](Slot& s) { s.generator = std::move(generator); });
}

at::Tensor tensor_of(double handle) {
  Table& t = table();
  const std::lock_guard lock(t.lock);
  Slot* s = t.find(handle);
  if (s == nullptr || !s->tensor.defined()) refuse_handle("tensor");
  return s->tensor;
}

at::Generator generator_of(double handle) {
  Table& t = table();
  const std::lock_guard lock(t.lock);
  Slot* s = t.find(handle);
  if (s == nullptr || !s->generator.defined()) refuse_handle("generator");
  return s->generator;
}

namespace {
// Empties the handle's slot; what it held dies outside the lock. False: it was stale.
bool release(double handle) {
  at::Tensor tensor;
  at::Generator generator;
  Table& t = table();
  const std::lock_guard lock(t.lock);
  Slot* s = t.find(handle);
  if (s == nullptr) return false;
  tensor = std::move(s->tensor);
  generator = std::move(s->generator);
  s->used = false;
  s->generation += 1;
  t.live -= 1;
  if (s->generation <= max_generation) t.free.push_back(static_cast<int32_t>(static_cast<int64_t>(handle) & (max_slots - 1)));
  return true;
}
}  // namespace

}  // namespace latent

extern "C" {

int32_t latent_free(int32_t index, int32_t count) {
  return latent::guarded(index, [&](latent::Frame& frame) {
    if (count < 0 || count > LATENT_FRAME_CELLS) latent::refuse("a count of handles outside the frame");
    int32_t stale = 0;
    for (int32_t i = 0; i < count; i++) stale += latent::release(frame.cells[i]) ? 0 : 1;
    if (stale > 0) {
      latent::refuse(std::to_string(stale) + " of " + std::to_string(count) + " tensors were freed already",
                     LATENT_ERROR_HANDLE);
    }
    return 0;
  });
}

int32_t latent_alias(int32_t index, double tensor) {
  return latent::guarded(index, [&](latent::Frame& frame) {
    latent::Writer out(frame);
    out.tensor(latent::tensor_of(tensor));
    return out.items();
  });
}

double latent_live(void) {
  latent::Table& t = latent::table();
  const std::lock_guard lock(t.lock);
  return static_cast<double>(t.live);
}
}
