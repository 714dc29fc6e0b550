#include "lb/dataplane/library_log.h"

#include <bpf/libbpf.h>
#include <spdlog/spdlog.h>
#include <xdp/libxdp.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace weir {

namespace {

int log_library(libbpf_print_level level, const char *format, va_list arguments) {
    if (level == LIBBPF_DEBUG || !spdlog::should_log(spdlog::level::debug))
        return 0;
    std::array<char, 1024> line{};
    const int length = std::vsnprintf(line.data(), line.size(), format, arguments);
    spdlog::debug("{}", std::string_view(line.data()).substr(0, std::strcspn(line.data(), "\n")));
    return length;
}

int log_libxdp(libxdp_print_level, const char *format, va_list arguments) {
    return log_library(LIBBPF_WARN, format, arguments);
}

}  // namespace

void route_library_logs() {
    libbpf_set_print(log_library);
    libxdp_set_print(log_libxdp);
}

}  // namespace weir
