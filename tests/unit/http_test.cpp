#include "lb/api/http.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(HttpTarget, SplitsPathAndQuery) {
    const auto request = parse_target("GET", "/v1/flows?client=192.0.2.1&limit=10&flag");
    ASSERT_TRUE(request);
    EXPECT_EQ(request->method, "GET");
    EXPECT_EQ(request->path, "/v1/flows");
    EXPECT_EQ(request->query, (std::map<std::string, std::string>{
                                  {"client", "192.0.2.1"}, {"limit", "10"}, {"flag", ""}}));
}

TEST(HttpTarget, DecodesWhatUrlEncodeEncodes) {
    for (const char *text : {"web", "[2001:db8::1]:80", "a b&c=d?e/f%", "\xc3\xa9", ""}) {
        const auto request = parse_target("GET", "/x?k=" + url_encode(text));
        ASSERT_TRUE(request) << text;
        EXPECT_EQ(request->query.at("k"), text);
    }
    EXPECT_EQ(url_encode("[::1]:80"), "%5B%3A%3A1%5D%3A80");
}

TEST(HttpTarget, SplitsThePathBeforeItDecodesIt) {
    const auto segments = [](const char *target) { return parse_target("GET", target)->segments; };
    using List = std::vector<std::string>;
    EXPECT_EQ(segments("/v1/services/a%2Fb%3Fc/x?y=/z"), (List{"v1", "services", "a/b?c", "x"}));
    EXPECT_EQ(segments("/"), (List{""}));
    EXPECT_EQ(segments("/a//b/"), (List{"a", "", "b", ""}));
}

TEST(HttpTarget, RefusesWhatIsNoPathOrBadlyEncoded) {
    for (const char *target : {"", "*", "v1/status", "http://host/v1", "/a%", "/a%1", "/a%zz",
                               "/a?b=%", "/a?%g0=1", "/%+1", "?a=b", "%2Fv1", "/a%2/b"})
        EXPECT_FALSE(parse_target("GET", target)) << target;
}

}  // namespace
}  // namespace weir
