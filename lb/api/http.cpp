#include "lb/api/http.h"

#include <cctype>
#include <charconv>

namespace weir {
namespace {

std::optional<std::string> url_decode(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        unsigned value = 0;
        const auto digits = text.substr(i + 1, 2);
        const auto *end = digits.data() + digits.size();
        if (digits.size() != 2 || std::from_chars(digits.data(), end, value, 16).ptr != end)
            return std::nullopt;
        decoded += static_cast<char>(value);
        i += 2;
    }
    return decoded;
}

bool parse_query(std::string_view text, std::map<std::string, std::string> &query) {
    while (!text.empty()) {
        const auto pair = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(text.size(), pair.size() + 1));
        const auto equals = std::min(pair.find('='), pair.size());
        const auto key = url_decode(pair.substr(0, equals));
        const auto value = url_decode(pair.substr(std::min(equals + 1, pair.size())));
        if (!key || !value)
            return false;
        query[*key] = *value;
    }
    return true;
}

// `path` decodes well, and begins with a slash.
std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> segments;
    while (!path.empty()) {
        path.remove_prefix(1);
        const auto segment = path.substr(0, path.find('/'));
        segments.push_back(*url_decode(segment));
        path.remove_prefix(segment.size());
    }
    return segments;
}

}  // namespace

std::optional<HttpRequest> parse_target(std::string_view method, std::string_view target) {
    const auto question = std::min(target.find('?'), target.size());
    const auto path = url_decode(target.substr(0, question));
    HttpRequest request;
    if (!path || target.front() != '/')
        return std::nullopt;
    if (question < target.size() && !parse_query(target.substr(question + 1), request.query))
        return std::nullopt;
    request.method = method;
    request.target = target;
    request.path = *path;
    request.segments = split(target.substr(0, question));
    return request;
}

std::string make_target(std::string path,
                        const std::vector<std::pair<std::string, std::string>> &query) {
    char separator = '?';
    for (const auto &[key, value] : query) {
        if (value.empty())
            continue;
        path += separator + key + "=" + url_encode(value);
        separator = '&';
    }
    return path;
}

std::string url_encode(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
            encoded += c;
        } else {
            encoded += '%';
            encoded += kHex[byte >> 4];
            encoded += kHex[byte & 0xf];
        }
    }
    return encoded;
}

}  // namespace weir
