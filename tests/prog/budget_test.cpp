// What the verifier takes for each program (instructions that it goes through, and so the time of a
// start) and how much of the 512 bytes of stack it leaves, against budget.yaml. A change that needs
// more than a twentieth above the budget changes the budget as well, where a reader sees it.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/utsname.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace weir::test {
namespace {

constexpr double kSlack = 1.05;

struct Need {
    std::uint32_t verified = 0;
    std::uint32_t stack = 0;  // bytes, of the deepest chain of functions
};

std::string kernel_series() {
    utsname name{};
    uname(&name);
    const std::string release = name.release;
    return release.substr(0, release.find('.', release.find('.') + 1));
}

// "stack depth 208+0+64" in the verifier's log: of each function, in the order in which they stand.
std::vector<std::uint32_t> stack_depths(const std::string &log) {
    const std::string words = "stack depth ";
    const auto at = log.find(words);
    std::vector<std::uint32_t> depths;
    if (at == std::string::npos)
        return depths;
    std::istringstream text(log.substr(at + words.size()));
    for (std::uint32_t depth = 0; text >> depth;) {
        depths.push_back(depth);
        if (text.get() != '+')
            break;
    }
    return depths;
}

// The functions that are left of a program, and what each of them calls or passes to bpf_loop().
// Of a call the kernel tells the number of the function, of a callback how far off it is.
class CallGraph {
  public:
    explicit CallGraph(int program) {
        bpf_prog_info info{};
        fetch(program, info);
        std::vector<bpf_insn> code(info.xlated_prog_len / sizeof(bpf_insn));
        std::vector<bpf_func_info> functions(info.nr_func_info);
        info = {};
        info.xlated_prog_insns = reinterpret_cast<std::uintptr_t>(code.data());
        info.xlated_prog_len = static_cast<std::uint32_t>(code.size() * sizeof(bpf_insn));
        info.func_info = reinterpret_cast<std::uintptr_t>(functions.data());
        info.nr_func_info = static_cast<std::uint32_t>(functions.size());
        info.func_info_rec_size = sizeof(bpf_func_info);
        fetch(program, info);
        callees_.resize(functions.size());
        const auto function_of = [&](std::size_t insn) {
            std::size_t index = 0;
            while (index + 1 < functions.size() && functions[index + 1].insn_off <= insn)
                index++;
            return index;
        };
        for (std::size_t i = 0; i < code.size(); i++) {
            if (code[i].code == (BPF_JMP | BPF_CALL) && code[i].src_reg == BPF_PSEUDO_CALL)
                callees_.at(function_of(i)).insert(static_cast<std::size_t>(code[i].imm));
            if (code[i].code == (BPF_LD | BPF_DW | BPF_IMM) && code[i].src_reg == BPF_PSEUDO_FUNC)
                callees_.at(function_of(i))
                    .insert(function_of(i + static_cast<std::size_t>(1 + code[i].imm)));
        }
    }
    std::size_t functions() const { return callees_.size(); }
    // As check_max_stack_depth() in kernel/bpf/verifier.c adds them up, with Linux 6.1's grain.
    std::uint32_t deepest(const std::vector<std::uint32_t> &depths,
                          std::size_t function = 0) const {
        std::uint32_t below = 0;
        for (const std::size_t callee : callees_.at(function))
            below = std::max(below, deepest(depths, callee));
        return (std::max(depths.at(function), 1U) + 31) / 32 * 32 + below;
    }

  private:
    static void fetch(int program, bpf_prog_info &info) {
        std::uint32_t size = sizeof info;
        if (bpf_obj_get_info_by_fd(program, &info, &size) != 0)
            throw std::runtime_error("the kernel does not tell of a program");
    }

    std::vector<std::set<std::size_t>> callees_;
};

using Needs = std::map<std::string, Need>;

Need need_of(const bpf_program *program, const std::string &log) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    EXPECT_EQ(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size), 0);
    const CallGraph graph(bpf_program__fd(program));
    const auto depths = stack_depths(log);
    EXPECT_EQ(graph.functions(), depths.size()) << log;
    return {info.verified_insns, graph.functions() == depths.size() ? graph.deepest(depths) : 0};
}

using Object = std::unique_ptr<bpf_object, void (*)(bpf_object *)>;
Object open_object(const std::string &name) {
    return {bpf_object__open_file((WEIR_BPF_OBJECTS "/" + name + ".bpf.o").c_str(), nullptr),
            bpf_object__close};
}

// The programs of one object, loaded as a daemon without options loads them.
void add_needs(const std::string &name, Needs &needs) {
    const Object object = open_object(name);
    ASSERT_TRUE(object) << name;
    std::map<std::string, std::array<char, 65536>> logs;
    bpf_program *program = nullptr;
    bpf_object__for_each_program(program, object.get()) {
        auto &log = logs[bpf_program__name(program)];
        bpf_program__set_log_level(program, 4);  // statistics only
        bpf_program__set_log_buf(program, log.data(), log.size());
    }
    const int error = bpf_object__load(object.get());
    if (error != 0)  // once more, for libbpf to print what the verifier says
        bpf_object__load(open_object(name).get());
    ASSERT_EQ(error, 0) << name;
    bpf_object__for_each_program(program, object.get()) {
        const std::string title = bpf_program__name(program);
        needs[title] = need_of(program, logs[title].data());
    }
}

std::string change(std::uint32_t now, std::uint32_t budget) {
    const int difference = static_cast<int>(now) - static_cast<int>(budget);
    return std::to_string(now) + " (" + (difference < 0 ? "" : "+") + std::to_string(difference) +
           ")";
}

TEST(Budget, VerifierAndStack) {
    if (const auto why = why_not_runnable(); !why.empty())
        GTEST_SKIP() << why;
    const auto budget = YAML::LoadFile(WEIR_SOURCE_DIR "/tests/prog/budget.yaml")[kernel_series()];
    if (!budget)
        GTEST_SKIP() << "tests/prog/budget.yaml has none for Linux " << kernel_series();
    Needs needs;
    for (const char *object : {"xdp_ingress", "tc", "sock", "join"})
        add_needs(object, needs);
    EXPECT_EQ(budget.size(), needs.size()) << "programs";
    for (const auto &[name, need] : needs) {
        const auto line = budget[name];
        const Need allowed{line ? line["verified"].as<std::uint32_t>() : 0,
                           line ? line["stack"].as<std::uint32_t>() : 0};
        std::cout << name << ": " << change(need.verified, allowed.verified)
                  << " instructions verified, " << change(need.stack, allowed.stack)
                  << " bytes of stack\n";
        EXPECT_TRUE(need.verified <= allowed.verified * kSlack &&
                    need.stack <= allowed.stack * kSlack)
            << "if it has to be: tests/prog/budget.yaml, " << name
            << ": {verified: " << need.verified << ", stack: " << need.stack << "}";
    }
}

}  // namespace
}  // namespace weir::test
