// The allocator of CPU tensors.
//
// glibc gives blocks over 32 MB back to the kernel at every free, so that a forward pass faults its activations in
// again each time; here freed memory is kept and reused. One region of address space is reserved; large blocks are cut
// from it best-fit, split and merged with their neighbours, small ones come from 2 MB slabs of one size class each. The
// region is advised to use huge pages. Kept memory is bounded by the peak: before fresh pages are touched that would
// lift live + kept bytes over the largest live total so far, the pages of free blocks go back to the system.
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <set>

#include "internal.h"

namespace latent {

namespace {

constexpr size_t slab_bytes = size_t{2} << 20;
constexpr size_t large_from = size_t{256} << 10;  // smaller requests come from slabs
constexpr size_t page = 4096;
constexpr size_t classes = 96;
constexpr size_t slack = size_t{64} << 20;  // kept bytes that are never given back by themselves

size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

// Sizes of slab blocks: 64, 128 … 512, then eight to an octave, all multiples of 64.
struct Classes {
  std::array<uint32_t, classes> bytes{};
  size_t count = 0;
  Classes() {
    for (size_t n = 64; n < large_from && count + 1 < classes; n += n < 1024 ? 64 : std::bit_floor(n) / 8) {
      bytes[count++] = static_cast<uint32_t>(n);
    }
    bytes[count++] = large_from;
  }
  size_t of(size_t n) const {
    return static_cast<size_t>(std::lower_bound(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count), n) -
                               bytes.begin());
  }
};

struct Block {
  size_t bytes;
  bool free;
  bool kept;  // free, and its pages may be resident
};

class Heap final : public at::Allocator {
 public:
  Heap() {
    for (size_t bytes = size_t{1} << 42; bytes >= size_t{1} << 33 && base_ == nullptr; bytes >>= 1) {
      void* found = mmap(nullptr, bytes + slab_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (found == MAP_FAILED) continue;
      base_ = reinterpret_cast<char*>(round_up(reinterpret_cast<size_t>(found), slab_bytes));
      end_ = base_ + bytes;
      slab_class_ = static_cast<uint8_t*>(std::calloc(bytes / slab_bytes, 1));
    }
    top_ = committed_ = base_;
  }

  bool usable() const { return base_ != nullptr && slab_class_ != nullptr; }

  at::DataPtr allocate(size_t n) override {
    void* data = n == 0 ? nullptr : take(n);
    return {data, data, &Heap::give_back, at::Device(at::kCPU)};
  }
  at::DeleterFnPtr raw_deleter() const override { return &Heap::give_back; }
  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }

  void release() {
    const std::lock_guard lock(lock_);
    drop_pages(0);
    peak_ = live_;
  }
  void limit(size_t bytes) {
    const std::lock_guard lock(lock_);
    limit_ = bytes;
  }
  std::vector<double> statistics() {
    const std::lock_guard lock(lock_);
    return {static_cast<double>(live_), static_cast<double>(peak_),
            static_cast<double>(kept_), static_cast<double>(allocations_), static_cast<double>(limit_)};
  }

  static Heap& the() {
    static Heap* const heap = new Heap();
    return *heap;
  }

 private:
  static void give_back(void* data) {
    if (data != nullptr) the().put(static_cast<char*>(data));
  }

  void* take(size_t n) {
    const std::lock_guard lock(lock_);
    if (n > static_cast<size_t>(end_ - base_) || (limit_ != 0 && live_ + n > limit_)) refuse_bytes(n);
    void* data = n < large_from ? take_small(classes_.of(n)) : take_large(round_up(n, page));
    allocations_ += 1;
    return data;
  }

  void put(char* data) {
    const std::lock_guard lock(lock_);
    const uint8_t slab = slab_class_[slab_of(data)];
    if (slab == 0) return put_large(data);
    live_ -= classes_.bytes[slab - 1];
    free_small_[slab - 1].push_back(data);
  }

  [[noreturn]] void refuse_bytes(size_t n) const {
    const std::string text = "not enough memory: " + std::to_string(n) + " bytes wanted, " + std::to_string(live_) + " in use" +
                             (limit_ == 0 ? "" : ", the limit is " + std::to_string(limit_));
    throw Refusal(LATENT_ERROR_MEMORY, text);
  }

  size_t slab_of(const char* data) const { return static_cast<size_t>(data - base_) / slab_bytes; }

  // --- small: one class a slab -----------------------------------------------------------------------------------------
  void* take_small(size_t c) {
    auto& list = free_small_[c];
    if (list.empty()) cut_slab(c);
    void* data = list.back();
    list.pop_back();
    grow_live(classes_.bytes[c]);
    return data;
  }

  void cut_slab(size_t c) {
    const size_t bytes = classes_.bytes[c];
    const size_t count = slab_bytes / bytes;
    cut_[c] += count;
    free_small_[c].reserve(cut_[c]);  // so that no free ever allocates here
    char* slab = take_aligned_slab();
    slab_class_[slab_of(slab)] = static_cast<uint8_t>(c + 1);
    for (size_t i = count; i > 0; i--) free_small_[c].push_back(slab + (i - 1) * bytes);
  }

  // Slabs must start at multiples of 2 MB for slab_of: what is cut off in front goes to the free blocks.
  char* take_aligned_slab() {
    char* start = reinterpret_cast<char*>(round_up(reinterpret_cast<size_t>(top_), slab_bytes));
    if (start + slab_bytes > end_) refuse_bytes(slab_bytes);
    commit(start + slab_bytes);
    if (start != top_) add_free(top_, static_cast<size_t>(start - top_), false);
    top_ = start + slab_bytes;
    return start;
  }

  // --- large: best fit, split, merge -----------------------------------------------------------------------------------
  // Resident pages first, whatever the block's size: they cost no faults.
  void* take_large(size_t n) {
    for (auto* pool : {&kept_free_, &bare_free_}) {
      const auto found = pool->lower_bound({n, nullptr});
      if (found == pool->end()) continue;
      char* data = found->second;
      const Block block = remove_free(data);
      if (!block.kept) make_room(n);
      if (block.bytes > n) add_free(data + n, block.bytes - n, block.kept);
      blocks_[data] = {n, false, false};
      grow_live(n);
      return data;
    }
    return extend(n);
  }

  void* extend(size_t n) {
    make_room(n);
    char* data = top_;
    if (n > static_cast<size_t>(end_ - top_)) refuse_bytes(n);
    commit(data + n);
    top_ += n;
    blocks_[data] = {n, false, false};
    grow_live(n);
    return data;
  }

  void put_large(char* data) {
    const auto at = blocks_.find(data);
    const size_t bytes = at->second.bytes;
    live_ -= bytes;
    blocks_.erase(at);
    add_free(data, bytes, true);
  }

  // Free neighbours are one block when both have pages or neither has; between blocks may lie slabs, which are no
  // neighbours.
  void add_free(char* data, size_t bytes, bool kept) {
    const auto next = blocks_.lower_bound(data);
    const bool joins_next = next != blocks_.end() && next->first == data + bytes && is_free(next->second, kept);
    if (next != blocks_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second.bytes == data && is_free(before->second, kept)) {
        data = before->first;
        bytes += remove_free(data).bytes;
      }
    }
    if (joins_next) bytes += remove_free(next->first).bytes;
    blocks_[data] = {bytes, true, kept};
    (kept ? kept_free_ : bare_free_).insert({bytes, data});
    if (kept) kept_ += bytes;
  }

  static bool is_free(const Block& block, bool kept) { return block.free && block.kept == kept; }

  Block remove_free(char* data) {
    auto at = blocks_.find(data);
    const Block block = at->second;
    (block.kept ? kept_free_ : bare_free_).erase({block.bytes, data});
    if (block.kept) kept_ -= block.bytes;
    blocks_.erase(at);
    return block;
  }

  void grow_live(size_t n) {
    live_ += n;
    peak_ = std::max(peak_, live_);
  }

  // Before `n` fresh bytes become resident.
  void make_room(size_t n) {
    const size_t allowed = peak_ + slack;
    if (live_ + n + kept_ > allowed) drop_pages(live_ + n > allowed ? 0 : allowed - live_ - n);
  }

  // Gives pages of free blocks back, largest first, until at most `keep` bytes are kept.
  void drop_pages(size_t keep) {
    while (kept_ > keep && !kept_free_.empty()) {
      char* data = std::prev(kept_free_.end())->second;
      const size_t bytes = remove_free(data).bytes;
      madvise(data, bytes, MADV_DONTNEED);
      add_free(data, bytes, false);
    }
  }

  void commit(char* to) {
    if (to <= committed_) return;
    const size_t step = std::min(round_up(static_cast<size_t>(to - committed_), size_t{64} << 20),
                                 static_cast<size_t>(end_ - committed_));
    if (mprotect(committed_, step, PROT_READ | PROT_WRITE) != 0) refuse_bytes(step);
    madvise(committed_, step, MADV_HUGEPAGE);
    committed_ += step;
  }

  SpinLock lock_;
  char* base_ = nullptr;
  char* end_ = nullptr;
  char* top_ = nullptr;        // the region is cut up to here
  char* committed_ = nullptr;  // readable and writable up to here
  uint8_t* slab_class_ = nullptr;  // per 2 MB: 0, or 1 + the class of the slab there
  Classes classes_;
  std::array<std::vector<void*>, classes> free_small_;
  std::array<size_t, classes> cut_{};  // blocks of each class, free or not
  std::map<char*, Block> blocks_;
  std::set<std::pair<size_t, char*>> kept_free_, bare_free_;  // free large blocks by size: with pages, without
  size_t live_ = 0, peak_ = 0, kept_ = 0, allocations_ = 0, limit_ = 0;
};

// Taken before the first tensor is made; with LATENT_ALLOCATOR=system libtorch keeps its own.
const bool registered = [] {
  const char* choice = std::getenv("LATENT_ALLOCATOR");
  if ((choice != nullptr && std::string(choice) == "system") || !Heap::the().usable()) return false;
  c10::SetCPUAllocator(&Heap::the(), 200);
  return true;
}();

}  // namespace
}  // namespace latent

extern "C" {

int32_t latent_memory(int32_t index) {
  return latent::guarded(index, [](latent::Frame& frame) {
    latent::Writer out(frame);
    out.numbers(latent::Heap::the().statistics());
    return out.items();
  });
}

int32_t latent_memory_release(int32_t index) {
  return latent::guarded(index, [](latent::Frame&) {
    latent::Heap::the().release();
    return 0;
  });
}

int32_t latent_memory_limit(int32_t index, double bytes) {
  return latent::guarded(index, [&](latent::Frame&) {
    const int64_t limit = latent::whole(bytes, "the limit in bytes");
    if (limit < 0) latent::refuse("the limit in bytes: found a negative number");
    if (!latent::registered) latent::refuse("there is no limit on libtorch's own allocator (LATENT_ALLOCATOR=system)");
    latent::Heap::the().limit(static_cast<size_t>(limit));
    return 0;
  });
}
}
