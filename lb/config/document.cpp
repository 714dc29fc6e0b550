#include "lb/config/document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <sstream>
#include <system_error>

namespace weir {

namespace {

// Thousands of services fit; a device or a capture named by mistake does not fill the memory.
constexpr std::size_t kLargestFile = 16U << 20U;

// yaml-cpp takes 0x04 for the end of the file, and NULs for UTF-16: such a file would be read in
// part, so control characters are refused before it sees them.
void check_bytes(Problems &problems, const std::string &text) {
    Mark mark{1, 1};
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f)
            return problems.add(mark,
                                fmt::format("control character 0x{:02x}: not a text file", byte));
        mark = c == '\n' ? Mark{mark.line + 1, 1} : Mark{mark.line, mark.column + 1};
    }
}

// Keeps where the last document began.
class DocumentStart : public YAML::EventHandler {
  public:
    const YAML::Mark &mark() const { return mark_; }

    void OnDocumentStart(const YAML::Mark &mark) override { mark_ = mark; }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark & /*mark*/, YAML::anchor_t /*anchor*/) override {}
    void OnAlias(const YAML::Mark & /*mark*/, YAML::anchor_t /*anchor*/) override {}
    void OnScalar(const YAML::Mark & /*mark*/, const std::string & /*tag*/,
                  YAML::anchor_t /*anchor*/, const std::string & /*value*/) override {}
    void OnSequenceStart(const YAML::Mark & /*mark*/, const std::string & /*tag*/,
                         YAML::anchor_t /*anchor*/, YAML::EmitterStyle::value /*style*/) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark & /*mark*/, const std::string & /*tag*/,
                    YAML::anchor_t /*anchor*/, YAML::EmitterStyle::value /*style*/) override {}
    void OnMapEnd() override {}

  private:
    YAML::Mark mark_;
};

// YAML::Load() ignores what follows the first document, and YAML::LoadAll() never ends on a file
// such as ",", of which it makes one empty document after another.
void check_one_document(Problems &problems, const std::string &text) {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    DocumentStart start;
    parser.HandleNextDocument(start);
    if (parser.HandleNextDocument(start))
        problems.add(to_mark(start.mark()), "only one document is allowed; another begins here");
}

// yaml-cpp takes a quote that is never closed for closed when the file ends with a line break.
std::string without_trailing_blanks(const std::string &text) {
    return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

// The file's only document; nothing when it has none or is no YAML.
std::optional<Value> load_document(Problems &problems, const std::string &text,
                                   std::string_view what) {
    try {
        check_one_document(problems, text);
        const YAML::Node document = YAML::Load(text);
        if (!document.IsNull())
            return Value{document, to_mark(document.Mark())};
        problems.add({1, 1}, fmt::format("{} is empty", what));
    } catch (const YAML::Exception &error) {
        problems.add(to_mark(error.mark), "not valid YAML: " + error.msg);
    }
    return std::nullopt;
}

}  // namespace

Result<void> read_document(const std::string &text, const std::string &file, std::string_view what,
                           const std::function<void(Problems &, const Value &)> &read) {
    Problems problems(file);
    check_bytes(problems, text);
    try {
        if (!problems.any())
            if (const auto root = load_document(problems, without_trailing_blanks(text), what))
                read(problems, *root);
    } catch (const std::exception &error) {
        problems.add({1, 1}, fmt::format("cannot be read as YAML: {}", error.what()));
    }
    if (problems.any())
        return tl::make_unexpected(problems.first());
    return {};
}

Result<std::string> read_text(const std::string &file) {
    const auto cannot_read = [&file](const std::string &reason) {
        return fail(Exit::usage, fmt::format("{}: cannot read: {}", file, reason));
    };
    const std::unique_ptr<std::FILE, int (*)(std::FILE *)> stream(std::fopen(file.c_str(), "rbe"),
                                                                  std::fclose);
    if (!stream)
        return cannot_read(std::generic_category().message(errno));
    std::string text;
    std::array<char, 16384> chunk{};
    while (const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), stream.get())) {
        text.append(chunk.data(), got);
        if (text.size() > kLargestFile)
            return cannot_read("larger than 16 MiB");
    }
    if (std::ferror(stream.get()) != 0)
        return cannot_read(std::generic_category().message(errno));
    return text;
}

}  // namespace weir
