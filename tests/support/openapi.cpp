#include "tests/support/openapi.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <regex>

namespace weir::test {
namespace {

using Json = nlohmann::json;

Json to_json(const YAML::Node &node) {
    if (node.IsSequence()) {
        auto list = Json::array();
        for (const auto &item : node)
            list.push_back(to_json(item));
        return list;
    }
    if (node.IsMap()) {
        auto object = Json::object();
        for (const auto &pair : node)
            object[pair.first.as<std::string>()] = to_json(pair.second);
        return object;
    }
    if (node.IsNull())
        return nullptr;
    const auto text = node.as<std::string>();
    const bool quoted = node.Tag() == "!";
    // numbers, true, false: the same in both
    const auto plain = quoted ? Json(Json::value_t::discarded) : Json::parse(text, nullptr, false);
    return plain.is_discarded() ? Json(text) : plain;
}

bool has_type(const Json &value, const std::string &type) {
    if (type == "integer")
        return value.is_number_integer();
    return type == (value.is_number() ? "number" : value.type_name());
}

}  // namespace

OpenApi OpenApi::load(const std::string &file) {
    OpenApi api;
    api.root_ = to_json(YAML::LoadFile(file));
    for (const auto &[path, item] : api.root_.at("paths").items()) {
        for (const auto &[name, operation] : item.items()) {
            auto method = name;
            std::transform(method.begin(), method.end(), method.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
            api.operations_.emplace(method, path);
            for (const auto &[status, response] : operation.at("responses").items())
                api.outcomes_.emplace(method, path, status);
        }
    }
    return api;
}

const Json &OpenApi::resolve(const Json &node) const {
    if (!node.is_object() || !node.contains("$ref"))
        return node;
    return resolve(root_.at(Json::json_pointer(node.at("$ref").get<std::string>().substr(1))));
}

std::string OpenApi::complaint(const Outcome &outcome, const Json &answer) const {
    if (outcomes_.count(outcome) == 0)
        return "such an answer is not described";
    auto [method, path, status] = outcome;
    std::transform(method.begin(), method.end(), method.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto &response =
        resolve(root_.at("paths").at(path).at(method).at("responses").at(status));
    // each has one type of content; of lines any one is as described
    return check(response.at("content").front().at("schema"), answer, "answer");
}

std::string OpenApi::complaint(const std::string &schema, const Json &value) const {
    return check(root_.at("components").at("schemas").at(schema), value, schema);
}

std::string OpenApi::check(const Json &schema, const Json &value, const std::string &where) const {
    for (const auto &[keyword, operand] : schema.items()) {
        auto wrong = keyword == "$ref" ? check(resolve(schema), value, where)
                                       : check_keyword(keyword, schema, value, where);
        if (!wrong.empty())
            return wrong;
    }
    if (value.is_object() && !schema.contains("$ref") && !schema.contains("oneOf"))
        return check_object(schema, value, where);
    for (std::size_t i = 0; value.is_array() && i < value.size(); i++) {
        if (schema.contains("$ref"))
            break;
        auto wrong = check(schema.at("items"), value[i], where + "[" + std::to_string(i) + "]");
        if (!wrong.empty())
            return wrong;
    }
    return "";
}

std::string OpenApi::check_keyword(const std::string &keyword, const Json &schema,
                                   const Json &value, const std::string &where) const {
    const auto &operand = schema.at(keyword);
    const auto judge = [&](bool good) {
        return good ? ""
                    : where + ": " + value.dump() + " against " + keyword + " " + operand.dump();
    };
    const auto types = operand.is_array() ? operand : Json::array({operand});
    const auto is_one = [&](const Json &type) { return has_type(value, type.get<std::string>()); };
    if (keyword == "type")
        return judge(std::any_of(types.begin(), types.end(), is_one));
    if (keyword == "enum")
        return judge(std::find(operand.begin(), operand.end(), value) != operand.end());
    if (keyword == "minimum")
        return judge(!value.is_number() || value >= operand);
    if (keyword == "maximum")
        return judge(!value.is_number() || value <= operand);
    if (keyword == "minProperties")
        return judge(!value.is_object() || value.size() >= operand.get<std::size_t>());
    if (keyword == "pattern")
        return judge(!value.is_string() ||
                     std::regex_match(value.get<std::string>(), std::regex(operand)));
    if (keyword == "oneOf")
        return judge(std::count_if(operand.begin(), operand.end(), [&](const Json &one) {
                         return check(one, value, where).empty();
                     }) == 1);
    constexpr std::string_view kElsewhere[] = {"description", "required", "properties",
                                               "additionalProperties", "items"};
    return judge(std::count(std::begin(kElsewhere), std::end(kElsewhere), keyword) == 1);
}

std::string OpenApi::check_object(const Json &schema, const Json &value,
                                  const std::string &where) const {
    for (const auto &name : schema.value("required", Json::array()))
        if (!value.contains(name.get<std::string>()))
            return where + ": without " + name.get<std::string>();
    const auto properties = schema.value("properties", Json::object());
    const auto others = schema.value("additionalProperties", Json(false));
    for (const auto &[name, property] : value.items()) {
        const bool described = properties.contains(name);
        if (!described && !others.is_object())
            return fmt::format("{}: {} is not described", where, name);
        auto wrong = check(described ? properties.at(name) : others, property,
                           fmt::format("{}.{}", where, name));
        if (!wrong.empty())
            return wrong;
    }
    return "";
}

}  // namespace weir::test
