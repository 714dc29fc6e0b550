// Typed access to YAML nodes. Reading does not stop at an error: the first one is kept, the target
// keeps its default, and so the code that reads a mapping is a plain list of its keys.
#pragma once

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lb/config/config.h"

namespace weir {

// `text` between single quotes, shortened when it is too long for a message.
std::string quoted(std::string_view text);
// yaml-cpp counts from 0 and gives -1 for "nowhere".
Mark to_mark(const YAML::Mark &mark);

// The first problem found in a file.
class Problems {
  public:
    explicit Problems(std::string file) : file_(std::move(file)) {}

    void add(const Mark &mark, std::string_view message);
    bool any() const { return first_.has_value(); }
    // Call only if any().
    const Error &first() const { return *first_; }

  private:
    std::string file_;
    std::optional<Error> first_;
};

// A node and its place: that of its key when the value is missing, for yaml-cpp puts nothing
// where the next thing begins.
struct Value {
    YAML::Node node;
    Mark mark;
};

// What a mapping may hold. `unsupported` are keys that the design knows and this version does not.
struct Shape {
    std::string what;  // begins every message ("service 'web'"); empty for the file itself
    std::vector<std::string_view> required;
    std::vector<std::string_view> optional;
    std::vector<std::string_view> unsupported;
};

// "KIND 'NAME'" if the value is a mapping with a name; KIND otherwise.
std::string describe(std::string_view kind, const Value &value);

// A mapping whose keys have been checked against its shape. Every reader leaves `target` alone when
// the key is absent or its value is bad.
class Mapping {
  public:
    Mapping(Problems &problems, const Value &value, Shape shape);

    const Mark &mark() const { return mark_; }
    // nullptr when the key is absent.
    const Value *find(std::string_view key) const;
    // Of the key's value; line 0 when the key is absent.
    Mark value_mark(std::string_view key) const;
    // "WHAT: KEY `complaint`", at the key's value.
    void complain(std::string_view key, std::string_view complaint);
    // The same with the value that is wrong: "WHAT: KEY must be `expected`, not 'text'".
    void refuse(std::string_view key, std::string_view expected, std::string_view text);

    std::optional<std::string> scalar(std::string_view key, std::string_view expected);
    // The items of a list; none when the key is absent.
    std::vector<Value> list(std::string_view key);
    void number(std::string_view key, std::uint32_t minimum, std::uint32_t maximum,
                std::uint32_t &target);
    void port(std::string_view key, std::uint16_t &target);
    void duration(std::string_view key, std::chrono::seconds &target,
                  std::chrono::seconds least = std::chrono::seconds(1));
    void duration(std::string_view key, std::chrono::milliseconds &target);
    void flag(std::string_view key, bool &target);  // true or false

    // A scalar that `parse` turns into an optional<T>.
    template <typename T, typename Parse>
    void parsed(std::string_view key, std::string_view expected, Parse parse, T &target) {
        const auto text = scalar(key, expected);
        if (!text)
            return;
        if (const auto result = parse(*text))
            target = *result;
        else
            refuse(key, expected, *text);
    }

    // A list of scalars, each of which `parse` turns into an optional<T>; `add` gets it with its
    // place.
    template <typename Parse, typename Add>
    void items(std::string_view key, std::string_view expected, Parse parse, Add add) {
        for (const Value &item : list(key)) {
            const auto text = item_scalar(key, item, expected);
            if (!text)
                continue;
            if (const auto result = parse(*text))
                add(*result, item.mark);
            else
                refuse_item(key, item, expected, weir::quoted(*text));
        }
    }

    // One of the values, by its to_string(); `unsupported` are values for a later version.
    template <typename Enum>
    void choice(std::string_view key, const std::vector<Enum> &values,
                const std::vector<std::string_view> &unsupported, Enum &target) {
        std::vector<std::string_view> names;
        names.reserve(values.size());
        for (const Enum value : values)
            names.push_back(to_string(value));
        if (const auto index = choose(key, names, unsupported))
            target = values[*index];
    }

  private:
    std::string prefix() const;
    void check_keys(const YAML::Node &node);
    void check_key(const Value &key, const Value &value);
    std::optional<std::string> item_scalar(std::string_view key, const Value &item,
                                           std::string_view expected);
    void refuse_item(std::string_view key, const Value &item, std::string_view expected,
                     std::string_view found);
    std::optional<std::size_t> choose(std::string_view key,
                                      const std::vector<std::string_view> &names,
                                      const std::vector<std::string_view> &unsupported);

    struct Field {
        std::string key;
        Mark key_mark;
        Value value;
    };

    Problems &problems_;
    Mark mark_;
    Shape shape_;
    std::vector<Field> fields_;
};

}  // namespace weir
