// What this libtorch is and which devices it has; waiting for them; signals.
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <signal.h>
#include <time.h>
#include <torch/version.h>
#include <unistd.h>

#include <atomic>

#include "internal.h"

namespace latent {
namespace {

std::string info() {
  const int cuda = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  return std::string("{\"version\":\"") + TORCH_VERSION + "\",\"cuda\":" + (at::hasCUDA() ? "true" : "false") +
         ",\"cudaDevices\":" + std::to_string(cuda) + ",\"cpu\":\"" + at::get_cpu_capability() +
         "\",\"cxx11Abi\":" + (_GLIBCXX_USE_CXX11_ABI ? "true" : "false") + "}";
}

// Deno's own listener sees the first signal only when the running native call ends; a second one must not wait. One
// Ctrl-C under `deno task` arrives twice, from the terminal and from the task runner: what follows at once is no second.
constexpr int64_t echo_ns = 100'000'000;
std::atomic<int64_t> first_signal_ns{0};

int64_t now_ns() {
  struct timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

struct sigaction previous[NSIG];

void on_signal(int number, siginfo_t* details, void* context) {
  int64_t first = 0;
  const int64_t now = now_ns();
  if (!first_signal_ns.compare_exchange_strong(first, now) && now - first > echo_ns) _exit(128 + number);
  const struct sigaction& before = previous[number];
  if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN) return;
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(number, details, context);
  } else {
    before.sa_handler(number);
  }
}

void arm(int number) {
  struct sigaction now{};
  if (sigaction(number, nullptr, &now) != 0) refuse("the handler of signal " + std::to_string(number) + " cannot be read");
  if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_signal) return;
  previous[number] = now;
  struct sigaction ours{};
  ours.sa_sigaction = on_signal;
  ours.sa_flags = SA_SIGINFO | SA_RESTART;
  sigfillset(&ours.sa_mask);
  if (sigaction(number, &ours, nullptr) != 0) refuse("the handler of signal " + std::to_string(number) + " cannot be set");
}

}  // namespace
}  // namespace latent

extern "C" {

int32_t latent_info(int32_t index) {
  return latent::guarded(index, [](latent::Frame& frame) {
    latent::Writer out(frame);
    out.text(latent::info());
    return out.items();
  });
}

int32_t latent_synchronize(int32_t index) {
  return latent::guarded(index, [](latent::Frame& frame) {
    latent::Reader in(frame);
    const at::Device device(in.text());
    if (device.is_cuda()) at::detail::getCUDAHooks().deviceSynchronize(device.has_index() ? device.index() : c10::DeviceIndex{0});
    return 0;
  });
}

int32_t latent_arm_signals(int32_t index) {
  return latent::guarded(index, [](latent::Frame&) {
    latent::first_signal_ns = 0;
    latent::arm(SIGINT);
    latent::arm(SIGTERM);
    return 0;
  });
}
}
