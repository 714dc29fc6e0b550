#include "lb/config/reader.h"

#include <fmt/format.h>

#include "lb/config/duration.h"

namespace weir {

namespace {

constexpr std::size_t kLongestQuote = 80;

Mark mark_of(const YAML::Node &node, const Mark &otherwise) {
    return node.IsNull() || node.Mark().is_null() ? otherwise : to_mark(node.Mark());
}

// What a value is instead of what it should be.
std::string_view kind_of(const YAML::Node &node) {
    if (node.IsMap())
        return "not a mapping";
    if (node.IsSequence())
        return "not a list";
    return node.IsScalar() ? "not a single value" : "but it has no value";
}

bool contains(const std::vector<std::string_view> &names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string quoted(std::string_view text) {
    if (text.size() <= kLongestQuote)
        return fmt::format("'{}'", text);
    return fmt::format("'{}...'", text.substr(0, kLongestQuote));
}

Mark to_mark(const YAML::Mark &mark) {
    if (mark.is_null())
        return {1, 1};
    return {mark.line + 1, mark.column + 1};
}

void Problems::add(const Mark &mark, std::string_view message) {
    if (first_)
        return;
    std::string line = fmt::format("{}:{}:{}: ", file_, mark.line, mark.column);
    for (const char c : message) {
        // Escapes in quoted YAML scalars make any character; a message stays one printable line.
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            line += fmt::format("\\x{:02x}", byte);
        else
            line += c;
    }
    first_ = Error{Exit::usage, std::move(line)};
}

std::string describe(std::string_view kind, const Value &value) {
    if (value.node.IsMap())
        for (const auto &pair : value.node)
            if (pair.first.IsScalar() && pair.first.Scalar() == "name" && pair.second.IsScalar())
                return fmt::format("{} {}", kind, quoted(pair.second.Scalar()));
    return std::string(kind);
}

Mapping::Mapping(Problems &problems, const Value &value, Shape shape)
    : problems_(problems), mark_(value.mark), shape_(std::move(shape)) {
    if (!value.node.IsMap()) {
        problems_.add(mark_, fmt::format("{} must be a mapping, {}",
                                         shape_.what.empty() ? "the configuration" : shape_.what,
                                         kind_of(value.node)));
        return;
    }
    check_keys(value.node);
}

std::string Mapping::prefix() const {
    return shape_.what.empty() ? "" : shape_.what + ": ";
}

void Mapping::check_keys(const YAML::Node &node) {
    for (const auto &pair : node) {
        const Value key{pair.first, to_mark(pair.first.Mark())};
        check_key(key, {pair.second, mark_of(pair.second, key.mark)});
    }
    for (const std::string_view key : shape_.required)
        if (find(key) == nullptr)
            problems_.add(mark_, fmt::format("{}missing key '{}'", prefix(), key));
}

void Mapping::check_key(const Value &key, const Value &value) {
    if (!key.node.IsScalar()) {
        problems_.add(key.mark, prefix() + "a key must be a plain name");
        return;
    }
    const std::string &name = key.node.Scalar();
    const auto same = std::find_if(fields_.begin(), fields_.end(),
                                   [&](const Field &field) { return field.key == name; });
    if (same != fields_.end()) {
        problems_.add(key.mark, fmt::format("{}duplicate key {} (first at line {})", prefix(),
                                            quoted(name), same->key_mark.line));
    } else if (contains(shape_.unsupported, name)) {
        problems_.add(key.mark,
                      fmt::format("{}key '{}' is not supported by this version", prefix(), name));
    } else if (!contains(shape_.required, name) && !contains(shape_.optional, name)) {
        std::vector<std::string_view> known = shape_.required;
        known.insert(known.end(), shape_.optional.begin(), shape_.optional.end());
        problems_.add(key.mark, fmt::format("{}unknown key {} (known keys: {})", prefix(),
                                            quoted(name), fmt::join(known, ", ")));
    } else {
        fields_.push_back({name, key.mark, value});
    }
}

const Value *Mapping::find(std::string_view key) const {
    for (const Field &field : fields_)
        if (field.key == key)
            return &field.value;
    return nullptr;
}

Mark Mapping::value_mark(std::string_view key) const {
    const Value *value = find(key);
    return value != nullptr ? value->mark : Mark{};
}

void Mapping::complain(std::string_view key, std::string_view complaint) {
    const Value *value = find(key);
    problems_.add(value != nullptr ? value->mark : mark_,
                  fmt::format("{}{} {}", prefix(), key, complaint));
}

void Mapping::refuse(std::string_view key, std::string_view expected, std::string_view text) {
    complain(key, fmt::format("must be {}, not {}", expected, quoted(text)));
}

std::optional<std::string> Mapping::scalar(std::string_view key, std::string_view expected) {
    const Value *value = find(key);
    if (value == nullptr)
        return std::nullopt;
    if (value->node.IsScalar())
        return value->node.Scalar();
    complain(key, fmt::format("must be {}, {}", expected, kind_of(value->node)));
    return std::nullopt;
}

std::vector<Value> Mapping::list(std::string_view key) {
    const Value *value = find(key);
    std::vector<Value> items;
    if (value == nullptr)
        return items;
    if (!value->node.IsSequence()) {
        complain(key, fmt::format("must be a list, {}", kind_of(value->node)));
        return items;
    }
    for (const auto &item : value->node)
        items.push_back({item, mark_of(item, value->mark)});
    return items;
}

void Mapping::refuse_item(std::string_view key, const Value &item, std::string_view expected,
                          std::string_view found) {
    problems_.add(item.mark,
                  fmt::format("{}{} must hold {}, not {}", prefix(), key, expected, found));
}

std::optional<std::string> Mapping::item_scalar(std::string_view key, const Value &item,
                                                std::string_view expected) {
    if (item.node.IsScalar())
        return item.node.Scalar();
    refuse_item(key, item, expected,
                item.node.IsNull()  ? "nothing"
                : item.node.IsMap() ? "a mapping"
                                    : "a list");
    return std::nullopt;
}

void Mapping::number(std::string_view key, std::uint32_t minimum, std::uint32_t maximum,
                     std::uint32_t &target) {
    const auto parse = [&](const std::string &text) -> std::optional<std::uint32_t> {
        // YAML 1.1 has octal numbers, YAML 1.2 has not: 0443 would mean two things.
        const bool octal = text.size() > 1 && text.front() == '0';
        const auto value = parse_number(text, maximum);
        if (octal || !value || *value < minimum)
            return std::nullopt;
        return static_cast<std::uint32_t>(*value);
    };
    parsed(key, fmt::format("a whole number from {} to {}", minimum, maximum), parse, target);
}

void Mapping::port(std::string_view key, std::uint16_t &target) {
    std::uint32_t value = target;
    number(key, 1, 65535, value);
    target = static_cast<std::uint16_t>(value);
}

void Mapping::duration(std::string_view key, std::chrono::seconds &target,
                       std::chrono::seconds least) {
    const auto text = scalar(key, "a duration such as 30s, 5m or 2h4m");
    if (!text)
        return;
    if (const auto value = parse_duration(*text, least))
        target = *value;
    else
        complain(key, fmt::format("{}, not {}", value.error(), quoted(*text)));
}

void Mapping::duration(std::string_view key, std::chrono::milliseconds &target) {
    const auto text = scalar(key, "a duration such as 200ms or 2s");
    if (!text)
        return;
    if (const auto value = parse_short_duration(*text))
        target = *value;
    else
        complain(key, fmt::format("{}, not {}", value.error(), quoted(*text)));
}

void Mapping::flag(std::string_view key, bool &target) {
    const auto parse = [](const std::string &text) -> std::optional<bool> {
        return text == "true" || text == "false" ? std::optional(text == "true") : std::nullopt;
    };
    parsed(key, "true or false", parse, target);
}

std::optional<std::size_t> Mapping::choose(std::string_view key,
                                           const std::vector<std::string_view> &names,
                                           const std::vector<std::string_view> &unsupported) {
    const std::string expected =
        fmt::format("{}{}", names.size() > 1 ? "one of " : "", fmt::join(names, ", "));
    const auto text = scalar(key, expected);
    if (!text)
        return std::nullopt;
    const auto found = std::find(names.begin(), names.end(), *text);
    if (found != names.end())
        return static_cast<std::size_t>(found - names.begin());
    if (contains(unsupported, *text))
        complain(key, fmt::format("'{}' is not supported by this version; it must be {}", *text,
                                  expected));
    else
        refuse(key, expected, *text);
    return std::nullopt;
}

}  // namespace weir
