// Exceptions to status and message by value: each frame gets its own, so threads never see each other's.
#include <atomic>
#include <cstring>
#include <new>

#include "internal.h"

namespace latent {

namespace {
std::atomic<int32_t> armed{0};

// Allocates nothing: there may be no memory.
void write_error(Frame& frame, latent_error kind, const char* message) {
  constexpr size_t longest = 65536;
  Writer out(frame);
  out.number(kind);
  out.text({message, strnlen(message, longest)});
}
}  // namespace

void refuse(std::string text, latent_error kind) { throw Refusal(kind, std::move(text)); }

void throw_if_armed() {
  if (armed.load(std::memory_order_relaxed) == 0) return;
  switch (armed.exchange(0)) {
    case 0: return;
    case 1: TORCH_CHECK(false, "thrown for a test");
    case 2: throw std::runtime_error("thrown for a test");
    case 3: throw 3;
    default: throw std::bad_alloc();
  }
}

int32_t report(Frame& frame) noexcept {
  try {
    throw;
  } catch (const Refusal& e) {
    write_error(frame, e.kind, e.what());
  } catch (const c10::OutOfMemoryError& e) {
    write_error(frame, LATENT_ERROR_MEMORY, e.what_without_backtrace());
  } catch (const c10::Error& e) {
    write_error(frame, LATENT_ERROR_TORCH, e.what_without_backtrace());  // what() would symbolise a backtrace: 8 ms
  } catch (const std::bad_alloc&) {
    write_error(frame, LATENT_ERROR_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    write_error(frame, LATENT_ERROR_TORCH, e.what());
  } catch (...) {
    write_error(frame, LATENT_ERROR_TORCH, "an exception of an unknown type");
  }
  return -1;
}

}  // namespace latent

extern "C" {

void latent_test_throw(int32_t kind) { latent::armed = kind; }
int32_t latent_abi(void) { return LATENT_ABI; }
}
