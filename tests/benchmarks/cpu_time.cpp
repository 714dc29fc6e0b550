#include "tests/benchmarks/cpu_time.h"

#include <unistd.h>

#include <array>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace weir::test {
namespace {

// In ticks: the time that no CPU had work, or that a hypervisor took. The kernel keeps it exactly,
// unlike that of users, system and interrupts, which it samples.
double idle() {
    std::ifstream stat("/proc/stat");
    std::string word;
    double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
    stat >> word >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
    return idle + iowait + steal;
}

// In ticks: what a process and its children that have ended took; 0 for one of this process group
// and for a kernel thread.
double foreign(const std::filesystem::path &process) {
    std::ifstream file(process / "stat");
    std::string text;
    std::getline(file, text);
    const auto name_ends = text.rfind(')');
    if (name_ends == std::string::npos)
        return 0;  // it has ended
    std::istringstream rest(text.substr(name_ends + 1));
    std::string state;
    int parent = 0, group = 0;
    rest >> state >> parent >> group;
    constexpr int kKthreadd = 2;
    if (group == ::getpgrp() || parent == kKthreadd || process.filename() == "2")
        return 0;
    constexpr int kBetween = 8;  // session ... cmajflt
    for (int i = 0; i < kBetween; i++)
        rest >> state;
    std::array<double, 4> ticks{};  // utime stime cutime cstime
    for (double &tick : ticks)
        rest >> tick;
    return ticks[0] + ticks[1] + ticks[2] + ticks[3];
}

}  // namespace

double cpu_seconds() {
    const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
    double others = idle();
    for (const auto &entry : std::filesystem::directory_iterator("/proc"))
        if (std::isdigit(static_cast<unsigned char>(entry.path().filename().string().front())) != 0)
            others += foreign(entry.path());
    return now.count() * static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN)) -
           others / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace weir::test
