#include "lb/replay/steps.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "lb/config/document.h"
#include "lb/replay/fields.h"

namespace weir {

namespace {

constexpr std::uint32_t kMostWeight = 65535;
constexpr std::uint32_t kMostCount = 0xffffffff;

constexpr std::array<std::string_view, 11> kVerbs{"replay", "reload",      "advance", "drain",
                                                  "enable", "maintenance", "weight",  "up",
                                                  "down",   "counters",    "drops"};
std::optional<std::string> as_text(const std::string &text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

std::optional<std::string> as_field(const std::string &text) {
    return names_a_field(text) ? std::optional(text) : std::nullopt;
}

class Reader {
  public:
    explicit Reader(Problems &problems) : problems_(problems) {}

    Steps file(const Value &root) {
        Steps steps;
        Mapping mapping(problems_, root, {"the case", {"steps"}, {"ignore"}, {}});
        mapping.items("ignore", "a field or a protocol as tshark names it", as_field,
                      [&](const std::string &name, const Mark &) { steps.ignore.push_back(name); });
        for (const Value &item : mapping.list("steps"))
            if (auto one = step(item))
                steps.steps.push_back(std::move(*one));
        return steps;
    }

  private:
    std::optional<Step> step(const Value &value) {
        Shape shape{"a step", {}, {kVerbs.begin(), kVerbs.end()}, {}};
        shape.optional.push_back("expect");
        Mapping mapping(problems_, value, std::move(shape));
        std::vector<std::string_view> found;
        for (const std::string_view verb : kVerbs)
            if (mapping.find(verb) != nullptr)
                found.push_back(verb);
        if (found.size() != 1) {
            problems_.add(value.mark, fmt::format("a step does one thing, one of: {}",
                                                  fmt::join(kVerbs, ", ")));
            return std::nullopt;
        }
        if (mapping.find("expect") != nullptr && found[0] != "replay")
            problems_.add(mapping.value_mark("expect"), "'expect' belongs to 'replay'");
        Step step{static_cast<int>(value.mark.line), {}};
        action(mapping, found[0], step);
        return step;
    }

    void action(Mapping &mapping, std::string_view verb, Step &step) {
        if (verb == "replay") {
            ReplayStep replay;
            mapping.parsed("replay", "the name of a capture", as_text, replay.input);
            mapping.parsed("expect", "the name of a capture", as_text, replay.expected);
            step.action = std::move(replay);
        } else if (verb == "reload") {
            ReloadStep reload;
            mapping.parsed("reload", "the name of a configuration", as_text, reload.config);
            step.action = std::move(reload);
        } else if (verb == "advance") {
            AdvanceStep advance;
            mapping.duration("advance", advance.time);
            step.action = advance;
        } else if (verb == "counters") {
            step.action = counters(*mapping.find(verb));
        } else if (verb == "drops") {
            step.action = drops(*mapping.find(verb));
        } else {
            of_backend(*mapping.find(verb), verb, step);
        }
    }

    // drain, enable, maintenance, weight, up, down: {service: web, backend: 198.51.100.11:8443}
    void of_backend(const Value &value, std::string_view verb, Step &step) {
        Shape shape{std::string(verb), {"service", "backend"}, {}, {}};
        if (verb == "weight")
            shape.optional.push_back("weight");
        Mapping mapping(problems_, value, std::move(shape));
        BackendKey key;
        mapping.parsed("service", "the name of a service", as_text, key.service);
        mapping.parsed("backend", "an address and port", Endpoint::parse, key.endpoint);
        if (verb == "weight") {
            WeightStep weight{std::move(key), std::nullopt};
            std::uint32_t number = 0;
            if (mapping.find("weight") != nullptr) {
                mapping.number("weight", 0, kMostWeight, number);
                weight.weight = number;
            }
            step.action = std::move(weight);
        } else if (verb == "up" || verb == "down") {
            step.action = HealthStep{std::move(key), verb == "up"};
        } else {
            const Admin admin = verb == "drain"    ? Admin::drain
                                : verb == "enable" ? Admin::enabled
                                                   : Admin::maintenance;
            step.action = AdminStep{std::move(key), admin};
        }
    }

    static void values(Mapping &mapping, const std::vector<std::string_view> &names,
                       std::map<std::string, std::uint64_t> &values) {
        for (const std::string_view name : names) {
            std::uint32_t number = 0;
            if (mapping.find(name) == nullptr)
                continue;
            mapping.number(name, 0, kMostCount, number);
            values.emplace(name, number);
        }
    }

    CountersStep counters(const Value &value) {
        std::vector<std::string_view> names;
        names.reserve(kCounterFields.size());
        for (const CounterField &field : kCounterFields)
            names.push_back(field.name);
        Shape shape{"counters", {"service"}, names, {}};
        shape.optional.push_back("backend");
        Mapping mapping(problems_, value, std::move(shape));
        CountersStep step;
        mapping.parsed("service", "the name of a service", as_text, step.service);
        if (mapping.find("backend") != nullptr) {
            Endpoint backend;
            mapping.parsed("backend", "an address and port", Endpoint::parse, backend);
            step.backend = backend.to_string();
        }
        values(mapping, names, step.values);
        return step;
    }

    DropsStep drops(const Value &value) {
        std::vector<std::string_view> reasons;
        for (std::uint8_t reason = 0; reason < WEIR_DROP_REASONS; reason++)
            reasons.push_back(drop_reason_name(reason));
        Mapping mapping(problems_, value, {"drops", {}, reasons, {}});
        DropsStep step;
        values(mapping, reasons, step.values);
        return step;
    }

    Problems &problems_;
};

}  // namespace

Result<Steps> load_steps(const std::string &file) {
    Steps steps;
    return read_text(file)
        .and_then([&](const std::string &text) {
            return read_document(text, file, "the case",
                                 [&](Problems &problems, const Value &root) {
                                     steps = Reader(problems).file(root);
                                 });
        })
        .map([&] { return std::move(steps); });
}

}  // namespace weir
