// Tensors from ranges of files: mapped, or read without a second copy.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "internal.h"

namespace latent {

double bytes_of(const std::vector<int64_t>& shape, at::ScalarType dtype);

namespace {

struct File {
  // O_NONBLOCK: opening a pipe would wait for its writer.
  explicit File(const std::string& path) : path(path), descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (descriptor < 0) refuse(path + ": " + std::strerror(errno), LATENT_ERROR_FILE);
  }
  ~File() { close(descriptor); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void want_range(double offset, double bytes) const {
    struct stat status{};
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) refuse(path + ": is no file", LATENT_ERROR_FILE);
    if (offset < 0 || offset + bytes > static_cast<double>(status.st_size)) {
      refuse(path + ": the bytes asked for lie outside the file", LATENT_ERROR_FILE);
    }
  }
  const std::string path;
  const int descriptor;
};

at::Tensor mapped(const File& file, size_t offset, size_t bytes, at::ScalarType dtype, const std::vector<int64_t>& shape) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t start = offset / page * page;
  const size_t length = offset - start + bytes;
  void* pages = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.descriptor, static_cast<off_t>(start));
  if (pages == MAP_FAILED) refuse(file.path + ": " + std::strerror(errno), LATENT_ERROR_FILE);
  return at::from_blob(static_cast<char*>(pages) + (offset - start), shape,
                       [pages, length](void*) { munmap(pages, length); }, at::TensorOptions().dtype(dtype));
}

at::Tensor read_range(const File& file, size_t offset, size_t bytes, at::ScalarType dtype, const std::vector<int64_t>& shape) {
  at::Tensor made = at::empty(shape, at::TensorOptions().dtype(dtype));
  for (size_t at = 0; at < bytes;) {
    const ssize_t got = pread(file.descriptor, static_cast<char*>(made.mutable_data_ptr()) + at, bytes - at,
                              static_cast<off_t>(offset + at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(file.path + ": " + std::strerror(errno), LATENT_ERROR_FILE);
    if (got == 0) refuse(file.path + ": ended while it was read", LATENT_ERROR_FILE);
    at += static_cast<size_t>(got);
  }
  return made;
}

}  // namespace
}  // namespace latent

extern "C" {

int32_t latent_from_file(int32_t index) {
  return latent::guarded(index, [](latent::Frame& frame) {
    latent::Reader in(frame);
    const std::string path = in.text();
    if (path.find('\0') != std::string::npos) latent::refuse("a path with a zero byte");
    const latent::File file(path);
    const double offset = in.number();
    const auto dtype = in.dtype();
    const auto shape = in.integers();
    const double bytes = latent::bytes_of(shape, dtype);
    file.want_range(static_cast<double>(latent::whole(offset, "the offset")), bytes);
    const auto from = static_cast<size_t>(offset);
    const auto count = static_cast<size_t>(bytes);
    const bool map = in.boolean() && count > 0 && from % c10::elementSize(dtype) == 0;
    latent::Writer out(frame);
    out.tensor(map ? latent::mapped(file, from, count, dtype, shape) : latent::read_range(file, from, count, dtype, shape));
    return out.items();
  });
}
}
