#include "lb/replay/junit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <pugixml.hpp>
#include <sstream>

#include "lb/replay/output_file.h"

namespace weir {

namespace {

std::string seconds(std::chrono::nanoseconds duration) {
    return fmt::format("{:.3f}", std::chrono::duration<double>(duration).count());
}

// XML has no way to write most control characters; what captures and file names bring is shown.
std::string printable(const std::string &text) {
    std::string shown;
    for (const char c : text)
        if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')
            shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else
            shown += c;
    return shown;
}

void add_case(pugi::xml_node suite, const std::string &name, const CaseResult &result) {
    auto node = suite.append_child("testcase");
    node.append_attribute("classname") = printable(name).c_str();
    node.append_attribute("name") = printable(result.name).c_str();
    node.append_attribute("time") = seconds(result.duration).c_str();
    if (result.exit == Exit::ok)
        return;
    auto child =
        node.append_child(result.status == CaseResult::Status::differs ? "failure" : "error");
    child.append_attribute("message") =
        printable(result.lines.empty() ? "" : result.lines.front()).c_str();
    child.text() = printable(fmt::format("{}", fmt::join(result.lines, "\n"))).c_str();
}

}  // namespace

Result<void> write_junit(const std::string &file, const std::string &suite,
                         const std::vector<CaseResult> &results,
                         std::chrono::nanoseconds duration) {
    const auto count = [&](CaseResult::Status status) {
        return std::count_if(results.begin(), results.end(),
                             [&](const CaseResult &one) { return one.status == status; });
    };
    pugi::xml_document document;
    auto declaration = document.append_child(pugi::node_declaration);
    declaration.append_attribute("version") = "1.0";
    declaration.append_attribute("encoding") = "UTF-8";
    auto root = document.append_child("testsuites").append_child("testsuite");
    root.append_attribute("name") = printable(suite).c_str();
    root.append_attribute("tests") = static_cast<unsigned long long>(results.size());
    root.append_attribute("failures") = static_cast<long long>(count(CaseResult::Status::differs));
    root.append_attribute("errors") = static_cast<long long>(count(CaseResult::Status::failed));
    root.append_attribute("time") = seconds(duration).c_str();
    for (const CaseResult &result : results)
        add_case(root, suite, result);
    std::ostringstream text;
    document.save(text, "  ");
    auto output = OutputFile::create(file);
    if (!output)
        return tl::make_unexpected(output.error());
    if (std::fputs(text.str().c_str(), output->stream()) < 0)
        return fail(Exit::refused, fmt::format("{}: cannot write: {}", file, std::strerror(errno)));
    return output->commit();
}

}  // namespace weir
