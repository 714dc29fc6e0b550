#include "lb/config/reread.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "lb/config/affected.h"
#include "lb/config/document.h"
#include "lb/config/schema.h"

namespace weir {

namespace {

// An item behind those that are read. If it is understood as such, what stands before it ends where
// it should, and what stands behind it means what it did.
constexpr std::string_view kEnd = "end";
// So few services are checked for themselves.
constexpr std::size_t kFew = 100;

// Whether a part of the text may mean the same alone: it has no anchor, nor what may be one. Line
// breaks are counted as yaml-cpp does.
bool is_plain(std::string_view text) {
    constexpr std::string_view kBefore = " \t\r\n[{,";
    for (auto at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1))
        if (at == 0 || kBefore.find(text[at - 1]) != std::string_view::npos)
            return false;
    return text.find('\r') == std::string_view::npos;
}

// Whether the keys of the file begin their lines: the first thing in it does.
bool begins_at_the_margin(std::string_view text) {
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto first = line.find_first_not_of(" \t\r");
        if (first == std::string_view::npos || line[first] == '#' || line.substr(0, 3) == "---" ||
            line[0] == '%')
            continue;
        return first == 0;
    }
    return false;
}

std::vector<std::size_t> begins_of_lines(std::string_view text) {
    std::vector<std::size_t> begins{0};
    for (auto at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1))
        begins.push_back(at + 1);
    return begins;
}

int breaks_in(std::string_view text) {
    return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

// Two texts are the same before `begin`, and from these ends on.
struct Difference {
    std::size_t begin, end_before, end_now;
};

Difference compare(std::string_view before, std::string_view now) {
    constexpr std::size_t kBlock = 4096;  // as much is compared at once
    const std::size_t most = std::min(before.size(), now.size());
    std::size_t begin = 0;
    while (begin + kBlock <= most && before.substr(begin, kBlock) == now.substr(begin, kBlock))
        begin += kBlock;
    while (begin < most && before[begin] == now[begin])
        ++begin;
    std::size_t same = 0;
    while (same + kBlock <= most - begin && before.substr(before.size() - same - kBlock, kBlock) ==
                                                now.substr(now.size() - same - kBlock, kBlock))
        same += kBlock;
    while (same < most - begin && before[before.size() - 1 - same] == now[now.size() - 1 - same])
        ++same;
    return {begin, before.size() - same, now.size() - same};
}

class Rereader {
  public:
    Rereader(const ConfigText &before, std::string_view text)
        : before_(before.config),
          old_(before.text),
          text_(text),
          lines_(begins_of_lines(old_)),
          change_(compare(old_, text)) {}

    std::optional<Config> read() const {
        const auto part = find();
        if (!part)
            return std::nullopt;
        const auto now = text_.substr(
            part->begin, part->end - change_.end_before + change_.end_now - part->begin);
        if (!is_plain(old_) || !is_plain(now))
            return std::nullopt;
        // what comes behind still begins a line
        if (part->end != old_.size() && now.back() != '\n')
            return std::nullopt;
        // where the text ends, how a block scalar does is told by what is not there
        if (part->end == old_.size() && now.find_first_of("|>") != std::string_view::npos)
            return std::nullopt;
        auto services = parse(now, part->dash);
        if (!services)
            return std::nullopt;
        return assemble(*part, now, std::move(*services));
    }

  private:
    // Services and their lines in the old text, those of `last` and `end` not among them.
    struct Part {
        std::size_t first, last;
        std::size_t dash;  // of the list: blanks before it
        std::size_t begin, end;
    };

    std::size_t begin_of(const Mark &mark) const {
        return lines_.at(static_cast<std::size_t>(mark.line) - 1);
    }

    // Where the dash is in "  - name: web", which is an item in block style.
    std::optional<std::size_t> dash_of(const ServiceConfig &service) const {
        const auto head =
            old_.substr(begin_of(service.mark), static_cast<std::size_t>(service.mark.column) - 1);
        const auto dash = head.find_first_not_of(' ');
        const bool is_item = dash != std::string_view::npos && head[dash] == '-' &&
                             dash + 1 < head.size() &&
                             head.find_first_not_of(' ', dash + 1) == std::string_view::npos;
        return is_item ? std::optional(dash) : std::nullopt;
    }

    // From the last service that begins before the change to the first that begins behind it.
    std::optional<Part> find() const {
        const auto &all = before_.services;
        const auto behind = std::partition_point(all.begin(), all.end(), [&](const auto &service) {
            return begin_of(service.mark) + static_cast<std::size_t>(service.mark.column) - 1 <
                   change_.begin;
        });
        if (behind == all.begin())
            return std::nullopt;
        const auto last = std::partition_point(behind, all.end(), [&](const auto &service) {
            return begin_of(service.mark) < change_.end_before;
        });
        const auto dash = dash_of(*std::prev(behind));
        if (!dash || (last != all.end() && dash_of(*last) != dash))
            return std::nullopt;
        Part part{static_cast<std::size_t>(behind - all.begin()) - 1,
                  static_cast<std::size_t>(last - all.begin()), *dash, 0, 0};
        part.begin = begin_of(all[part.first].mark);
        part.end = last == all.end() ? end_of_list(all.back().mark) : begin_of(last->mark);
        return part.end >= change_.end_before ? std::optional(part) : std::nullopt;
    }

    // The next key of the file, or its end.
    std::size_t end_of_list(const Mark &last) const {
        for (auto line = static_cast<std::size_t>(last.line); line < lines_.size(); ++line)
            if (lines_[line] < old_.size() &&
                std::string_view(" \t\r\n#-").find(old_[lines_[line]]) == std::string_view::npos)
                return lines_[line];
        return old_.size();
    }

    std::optional<std::vector<ServiceConfig>> parse(std::string_view items,
                                                    std::size_t dash) const {
        std::string text = "services:\n";
        text += items;
        if (text.back() != '\n')
            text += '\n';
        text += std::string(dash, ' ') + "- " + std::string(kEnd) + "\n";
        std::vector<ServiceConfig> services;
        bool ended = false;
        const auto read = [&](Problems &problems, const Value &root) {
            Mapping mapping(problems, root, {"", {"services"}, {}, {}});
            auto list = mapping.list("services");
            ended =
                !list.empty() && list.back().node.IsScalar() && list.back().node.Scalar() == kEnd;
            if (!ended)
                return;
            list.pop_back();
            for (const Value &item : list)
                read_service(problems, item, services.emplace_back());
        };
        const bool done = read_document(text, before_.file, "", read).has_value() && ended;
        return done ? std::optional(std::move(services)) : std::nullopt;
    }

    std::optional<Config> assemble(const Part &part, std::string_view now,
                                   std::vector<ServiceConfig> services) const {
        const int line = before_.services[part.first].mark.line;
        // parsed behind a line with the key
        for (ServiceConfig &service : services)
            for_each_mark(service, [&](Mark &mark) { mark.line += mark.line == 0 ? 0 : line - 2; });
        const auto was = old_.substr(part.begin, part.end - part.begin);
        const int end = line + breaks_in(was);
        const int more = breaks_in(now) - breaks_in(was);
        Config config = before_;
        if (more != 0)
            for_each_mark(config, [&](Mark &mark) { mark.line += mark.line < end ? 0 : more; });
        replace(config.services, part, std::move(services));
        Problems problems(config.file);
        const Affected affected = changed_services(before_, config);
        if (affected && affected->size() < kFew)
            validate_change(problems, config, *affected);
        else
            validate_config(problems, config);
        return problems.any() ? std::nullopt : std::optional(std::move(config));
    }

    static void replace(std::vector<ServiceConfig> &all, const Part &part,
                        std::vector<ServiceConfig> services) {
        const auto begin = all.begin() + static_cast<std::ptrdiff_t>(part.first);
        const auto end = all.begin() + static_cast<std::ptrdiff_t>(part.last);
        const auto same = std::min(services.size(), part.last - part.first);
        const auto rest = services.begin() + static_cast<std::ptrdiff_t>(same);
        const auto next = std::move(services.begin(), rest, begin);
        const auto at = all.erase(next, end);
        all.insert(at, std::make_move_iterator(rest), std::make_move_iterator(services.end()));
    }

    const Config &before_;
    std::string_view old_, text_;
    std::vector<std::size_t> lines_;  // where each begins in the old text
    Difference change_;
};

}  // namespace

std::optional<Config> reread(const ConfigText &before, const std::string &text) {
    if (text == before.text)
        return before.config;
    if (!begins_at_the_margin(text))
        return std::nullopt;
    return Rereader(before, text).read();
}

Result<ConfigText> load_config_text(const std::string &file) {
    return read_text(file).and_then([&](std::string text) {
        return parse_config(text, file).map([&](Config config) {
            return ConfigText{std::move(text), std::move(config)};
        });
    });
}

Result<ConfigText> load_config_again(const ConfigText &before, std::string &last_read) {
    const std::string &file = before.config.file;
    return read_text(file).and_then([&](std::string text) -> Result<ConfigText> {
        last_read = text;
        if (auto config = reread(before, text))
            return ConfigText{std::move(text), std::move(*config)};
        return parse_config(text, file).map([&](Config config) {
            return ConfigText{std::move(text), std::move(config)};
        });
    });
}

}  // namespace weir
