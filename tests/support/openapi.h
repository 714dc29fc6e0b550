// docs/openapi.yaml held against what the API answers.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>

namespace weir::test {

// clang-tidy 14 takes a move of nlohmann::json for one that may throw
class OpenApi {  // NOLINT(bugprone-exception-escape)
  public:
    // Throws when the file cannot be read.
    static OpenApi load(const std::string &file);

    using Operation = std::tuple<std::string, std::string>;             // "GET", "/v1/status"
    using Outcome = std::tuple<std::string, std::string, std::string>;  // and "200"
    const std::set<Operation> &operations() const { return operations_; }
    const std::set<Outcome> &outcomes() const { return outcomes_; }

    // What is wrong with an answer; an empty string when it is as described. An object may have no
    // properties but those described.
    std::string complaint(const Outcome &outcome, const nlohmann::json &answer) const;
    // The same for a schema of components.schemas.
    std::string complaint(const std::string &schema, const nlohmann::json &value) const;

  private:
    const nlohmann::json &resolve(const nlohmann::json &node) const;
    std::string check(const nlohmann::json &schema, const nlohmann::json &value,
                      const std::string &where) const;
    std::string check_keyword(const std::string &keyword, const nlohmann::json &schema,
                              const nlohmann::json &value, const std::string &where) const;
    std::string check_object(const nlohmann::json &schema, const nlohmann::json &value,
                             const std::string &where) const;

    nlohmann::json root_;
    std::set<Operation> operations_;
    std::set<Outcome> outcomes_;
};

}  // namespace weir::test
